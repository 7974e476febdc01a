"""Where the images of a data set are: files, a zip, or a storage."""
