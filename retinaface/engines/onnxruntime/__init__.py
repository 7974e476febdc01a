"""The engines of ONNX Runtime: on the CPU, on CUDA, with its TensorRT provider."""
