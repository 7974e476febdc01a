"""The version of the package, on the ground floor: nothing inside imports the package's root."""

__version__ = "0.1.0"
