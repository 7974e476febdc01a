"""The engine of IREE, on the CPU, with arithmetic of the precision of its file."""
