"""Run targets: a child process for each, the loop around it, and the cases that were found."""
