"""One question each, answered by a `Check`: value, limit and verdict."""
