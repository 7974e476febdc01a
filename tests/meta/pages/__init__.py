"""Pages of the docs, run as a reader pastes them."""
