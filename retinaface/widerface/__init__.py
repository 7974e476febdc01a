"""WIDER FACE: the data set and its protocol, with ground truth, predictions, average precision."""
