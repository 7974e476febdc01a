"""Show a run to a person: header, progress, the block at its end."""
