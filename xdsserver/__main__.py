"""`python -m xdsserver`."""

from xdsserver.cli import main

main()
