"""Keeps LiveIntent's custom audiences in step with Segment's, from events on Kafka."""
