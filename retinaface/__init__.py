"""Validation and regression suite for RetinaFace (MobileNet-0.25) deployments."""

from retinaface.version import __version__

__all__ = ["__version__"]
