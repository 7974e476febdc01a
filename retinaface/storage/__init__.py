"""Folders by URL, in S3 or any other storage that fsspec has a driver for."""
