"""Parts of reading an ONNX file of anybody: its bytes, tensors, functions, and weights beside it."""
