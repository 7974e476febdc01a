"""Formats of files that come from strangers, read with limits: JSON, and arrays in `.npz`."""
