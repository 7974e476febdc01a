"""Files that nobody means well with, made byte by byte."""
