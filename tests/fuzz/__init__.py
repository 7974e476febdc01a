"""Damaged and hostile input for every reader of files that may come from strangers.

`python -m tests.fuzz run --seconds 28800` is a night's run; `replay` reads the stored cases again,
`show CASE` tells what one of them does.
"""
