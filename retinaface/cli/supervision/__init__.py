"""The supervised run of `validate`: its words, its process, what the terminal shows meanwhile."""
