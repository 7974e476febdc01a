"""What a person sees of a run: header, progress, the block at its end."""
