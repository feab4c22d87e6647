"""A consumer whose group coordinator answers as it is told, in a time of its own."""

from confluent_kafka import KafkaError, KafkaException, TopicPartition

BUSY, GONE = KafkaError.REBALANCE_IN_PROGRESS, KafkaError._TIMED_OUT


class Coordinator:
    """Each commit meets the next answer, the last one for ever: None takes it, GONE is silence, all else a refusal."""

    def __init__(self, *codes: int | None) -> None:
        self._codes = list(codes)
        self._now = 0.0
        self._silent = False
        self._committed: dict[tuple[str, int], int] = {}
        self.commits = 0

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds

    def incremental_assign(self, partitions: list[TopicPartition]) -> None: ...

    def resume(self, partitions: list[TopicPartition]) -> None: ...

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert asynchronous, "a synchronous commit has no time-out"
        self.commits += 1
        code = self._codes.pop(0) if len(self._codes) > 1 else self._codes[0]
        self._silent = code == GONE
        if code is None:
            self._committed.update({(each.topic, each.partition): each.offset for each in offsets})

    def committed(
        self, partitions: list[TopicPartition], *, timeout: float
    ) -> list[TopicPartition]:
        if self._silent:
            self._now += timeout
            raise KafkaException(KafkaError(GONE))
        return [
            TopicPartition(
                each.topic, each.partition, self._committed.get((each.topic, each.partition), -1001)
            )
            for each in partitions
        ]
