"""Commands over many records."""
