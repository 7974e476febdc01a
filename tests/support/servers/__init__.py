"""Servers on the loopback, for tests."""
