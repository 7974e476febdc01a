"""Inputs for runs of the suites: faults of the package, engines faulty and honest."""
