"""One program a peer, run by an interpreter of its own: nothing here may import `consumer`."""
