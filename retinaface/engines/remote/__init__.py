"""An engine in another Python environment."""
