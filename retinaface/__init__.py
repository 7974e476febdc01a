"""Validation and regression suite for RetinaFace (MobileNet-0.25) deployments."""

__version__ = "0.1.0"
