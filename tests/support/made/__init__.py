"""Data that tests make: records, baselines, detections, pictures, models, suites."""
