"""Stand-ins of vendors' runtimes that compute with ONNX Runtime, and plugins that put them in."""
