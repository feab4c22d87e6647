"""From Segment's calls to LiveIntent's events by a table, not by code."""
