"""NVIDIA's TensorRT by itself."""
