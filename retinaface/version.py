"""The version of the package, in a module of its own: nothing inside imports the root."""

__version__ = "0.1.0"
