"""What engines of several runtimes know about devices."""
