"""What exact computation says of inputs: outputs, layers, and the noise floors of rounding."""
