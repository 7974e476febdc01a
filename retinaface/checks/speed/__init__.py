"""Measure how fast an engine is: timing protocol, two engines turn by turn, gates on times."""
