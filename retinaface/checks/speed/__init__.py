"""How fast an engine is: the timing protocol, two engines turn by turn, gates on times."""
