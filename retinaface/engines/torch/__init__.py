"""The engines of PyTorch: eager, which is the reference, and compiled."""
