"""ncnn, on files that pnnx makes."""
