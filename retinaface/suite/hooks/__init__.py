"""Hook into pytest: options, collection, gates, the record."""
