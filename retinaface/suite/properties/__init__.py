"""What property tests draw, and the slow, readable forms that they compare with."""
