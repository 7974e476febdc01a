"""The network in reading order: its numbers, its priors, its layers, its checkpoints."""
