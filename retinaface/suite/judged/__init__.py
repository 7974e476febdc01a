"""What the validation tests judge of an engine: outputs, evaluations, how it keeps the contract."""
