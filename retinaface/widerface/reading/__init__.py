"""Read prediction files as other people's tools write and pack them; count each deviation."""
