"""The data set and its protocol: ground truth, predictions, average precision."""
