"""Devices in software, with and without a fault."""
