"""Direct calls: from one call of Segment's to one event at LiveIntent. Pure: no input or output, no clock, no logging."""
