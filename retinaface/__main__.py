"""`python -m retinaface`."""

from retinaface.cli import main

main()
