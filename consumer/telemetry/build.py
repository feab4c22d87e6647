"""Which build this is."""

from importlib.metadata import version

# Read once, at import: it reads files, which the event loop must not wait for.
VERSION = version("segment-liveintent")
