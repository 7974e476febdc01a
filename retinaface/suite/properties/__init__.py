"""Draw the examples of property tests, and compute the slow, readable forms they compare with."""
