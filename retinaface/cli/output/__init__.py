"""The output of the commands: answers as text that fits the terminal, or as JSON."""
