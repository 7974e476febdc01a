"""What the counts of an image are made of."""
