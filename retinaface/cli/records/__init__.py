"""Commands over run records."""
