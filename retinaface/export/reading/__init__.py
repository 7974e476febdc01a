"""Parts of reading an ONNX file of anybody: bytes, tensors, functions, and weights beside it."""
