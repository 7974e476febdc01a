"""A run on disk: written whole, read back, with the images it traced."""
