"""What was accepted: figures, and the detections beside them."""
