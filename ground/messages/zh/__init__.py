"""Simplified Chinese texts (简体中文)."""
