"""What a run of the suites is given: faults of the package, engines faulty and honest."""
