"""The supervised run of `validate`: its arguments, its process, its progress on the terminal."""
