"""ONNX files of any exporter: what is which, and a copy in one file that every engine can load."""
