"""Segment's words in, our words out: framing, schemas, events, membership rules."""
