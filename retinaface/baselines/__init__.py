"""Baselines: accepted figures, and the detections beside them."""
