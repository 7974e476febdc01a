"""Runs over time: an index of a folder of records, series, change points, a run and the last N."""
