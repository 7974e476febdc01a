"""Export the network from torch to a verified ONNX file and its manifest."""
