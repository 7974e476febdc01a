"""The engine of ncnn, for files that pnnx makes."""
