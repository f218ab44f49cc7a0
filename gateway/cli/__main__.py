"""Run the command line by `python -m gateway.cli`."""

from gateway.cli import main

main()
