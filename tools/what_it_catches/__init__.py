"""Measures how small a fault of each kind may be and still be caught; writes the docs' page."""
