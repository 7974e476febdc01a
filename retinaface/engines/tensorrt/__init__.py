"""The engine of NVIDIA's TensorRT, used directly."""
