"""Run, replay and show: see `python -m tests.fuzz --help`."""

from __future__ import annotations

import os

# One thread each, set before any library starts its own.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.fuzz.command import main

if __name__ == "__main__":
    main()
