"""Times of two runs: how they are judged, and what measures them more closely."""
