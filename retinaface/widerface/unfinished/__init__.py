"""Keep what an evaluation has found so far, so that it can go on after its process was killed."""
