"""Run the command line as `python -m retinaface`."""

from retinaface.cli import main

main()
