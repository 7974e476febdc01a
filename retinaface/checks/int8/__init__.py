"""Judge INT8, which no rounding predicts."""
