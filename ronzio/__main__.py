"""`python -m ronzio` is the command `ronzio`."""

from ronzio.cli import main

main()
