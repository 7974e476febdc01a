"""PyTorch: eager, the reference, and compiled."""
