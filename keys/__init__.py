"""DKIM keys: made, read and kept on the operator's machine."""
