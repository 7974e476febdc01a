"""Faults inside the runtimes of devices; rows of `rows`."""
