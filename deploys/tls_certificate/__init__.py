"""Get a certificate onto a host and keep it valid."""
