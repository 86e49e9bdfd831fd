"""What a postmaster knows, pure: settings, desired records, checks, reports."""
