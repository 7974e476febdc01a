"""Compare two runs: what moved, where the difference begins, and how to write it."""
