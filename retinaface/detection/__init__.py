"""Turn images into detections: resizing, batches, decoding, suppression."""
