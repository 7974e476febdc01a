"""Quantise an exported graph to INT8 with arrays that calibrate it; ONNX Runtime does the work."""
