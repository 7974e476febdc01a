"""The network: its numbers, priors, layers, checkpoints, outputs and generated inputs."""
