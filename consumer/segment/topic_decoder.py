"""Topics of different formats, read by one process."""

from collections.abc import Mapping

from consumer.record import KafkaRecord
from consumer.segment.event_decoder import Decoded, EventDecoder, SchemaNeeded


class TopicDecoder:
    """Gives each record to the decoder of its topic."""

    def __init__(self, by_topic: Mapping[str, EventDecoder], otherwise: EventDecoder) -> None:
        self._by_topic = dict(by_topic)
        self._otherwise = otherwise

    def decode(self, record: KafkaRecord) -> tuple[Decoded, ...] | SchemaNeeded:
        """The events in the record, at least one, in their order; or what becomes of the record instead."""
        return self._by_topic.get(record.topic, self._otherwise).decode(record)
