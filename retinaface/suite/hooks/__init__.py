"""What pytest calls in a run: options, collection, gates, the record."""
