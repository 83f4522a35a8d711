"""`python -m omniscopy` is the command line."""

from omniscopy.cli.application import main

if __name__ == "__main__":
    main()
