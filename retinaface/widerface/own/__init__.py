"""Ground truth of own images: COCO files."""
