"""Faults inside the runtimes of devices; rows of `faulty_devices`."""
