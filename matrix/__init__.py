"""The matrix of SDK versions: which rows there are, how one is installed, run and compared."""
