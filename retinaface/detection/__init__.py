"""From an image to detections: resizing, decoding, suppression, batches."""
