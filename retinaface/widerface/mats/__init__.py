"""Read `.mat` files of ground truth: pinned ones here, all others in a child process."""
