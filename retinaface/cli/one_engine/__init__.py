"""Commands about one engine: build its file, time it."""
