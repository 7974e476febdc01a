"""Prepare what validation tests judge of an engine: outputs, evaluations, contract."""
