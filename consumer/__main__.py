"""`python -m consumer`, and the entry point of `segment-liveintent`."""

from consumer.cli.app import main

if __name__ == "__main__":
    main()
