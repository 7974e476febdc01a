"""From torch to a verified ONNX file and its manifest."""
