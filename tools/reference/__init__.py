"""Write the reference pages of the docs from the code: commands, Python API, file formats."""
