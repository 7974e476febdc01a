"""Run one engine for as long as one wishes, and read what that does to process and machine."""
