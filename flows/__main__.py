"""`python -m flows`, the same as `corrtrack`."""

from flows.cli import main

main()
