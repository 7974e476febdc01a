"""Two runs side by side: what moved, where it begins, and in which words."""
