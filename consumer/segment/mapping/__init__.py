"""Foreign shapes by mapping, not by code: from a writer's record to Segment's event."""
