"""Agreement of two engines over many images without ground truth, from sums that add up."""
