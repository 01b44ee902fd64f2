"""`python -m cli` is `avatar`."""

from cli.main import main

main()
