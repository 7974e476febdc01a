"""Exact computation: outputs, layers, and the noise floors of rounding."""
