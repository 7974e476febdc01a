"""The engine of Apache TVM."""
