"""ONNX Runtime: on the CPU, on CUDA, through its TensorRT provider."""
