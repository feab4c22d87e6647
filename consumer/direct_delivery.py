"""Direct calls to LiveIntent: judged, queued per sink, sent as fast as the sink allows, and told to the ledger."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from consumer.choices import DirectCallSink
from consumer.direct_calls.call import DirectCall
from consumer.direct_queue import DirectQueue, WaitingCall
from consumer.kafka.offset_ledger import Entry, OffsetLedger, PartitionId
from consumer.liveintent.parcel import Sink
from consumer.record import Delivered, Ignored, IgnoreReason, Outcome, Rejected, RejectReason
from consumer.refusals import Refusals
from consumer.segment.direct_call_policy import DirectCallPolicy
from consumer.segment.direct_call_record import NO_DIRECT_CALLS, DirectReading, read_direct_calls
from consumer.segment.event_decoder import Decoded
from consumer.segment.membership_rules import Origin
from consumer.telemetry.direct_call_metrics import NO_SINK
from consumer.telemetry.metrics import Metrics

_DELIVERED = Delivered()


class NoDirectCalls:
    """Direct calls that are switched off: no event is judged, and so nothing is ever sent."""

    def asked_by(self, _events: Sequence[Decoded], _origin: Origin) -> DirectReading:
        """Nothing."""
        return NO_DIRECT_CALLS

    def accept(self, _call: DirectCall, _entry: Entry) -> None:
        """Cannot be: there is no call."""
        raise RuntimeError("a direct call was made while they are switched off")

    async def release(self, partitions: Collection[PartitionId], *, drain_seconds: float) -> None:
        """Nothing is under way."""

    def let_go(self, partitions: Collection[PartitionId]) -> None:
        """Nothing is under way."""

    def waits_for(self, _entry: Entry) -> None:
        """Nothing waits."""


SWITCHED_OFF = NoDirectCalls()


class DirectDelivery:
    """Owns every direct call from `accept` on. It ends in the ledger, or is given up with its partition.

    What waits is bounded by the memory budget, since its records are unfinished.
    """

    def __init__(  # noqa: PLR0913 - built once, by service
        self,
        *,
        sinks: Mapping[DirectCallSink, Sink],
        policy: DirectCallPolicy,
        concurrency: int,
        ledger: OffsetLedger,
        refusals: Refusals,
        metrics: Metrics,
        tasks: asyncio.TaskGroup,
        now: Callable[[], float],
        utc_seconds: Callable[[], float],
    ) -> None:
        """`now` is monotonic; `utc_seconds` is epoch time, to tell how old an event is."""
        self._policy = policy
        self._ledger = ledger
        self._refusals = refusals
        self._metrics = metrics.of_direct_calls
        self._now = now
        self._utc_seconds = utc_seconds
        self._queues = {
            name: DirectQueue(sink, self, concurrency=concurrency, tasks=tasks)
            for name, sink in sinks.items()
        }
        self._landed = asyncio.Event()
        self.starting = True
        """Whether requests may be started."""

    @property
    def sinks(self) -> tuple[DirectCallSink, ...]:
        """Those that are switched on."""
        return tuple(self._queues)

    def waiting(self, sink: DirectCallSink) -> int:
        """How many calls wait for their turn."""
        return len(self._queues[sink].waiting)

    def in_flight(self, sink: DirectCallSink) -> int:
        """How many calls are in a parcel under way."""
        return self._queues[sink].in_flight

    def waits_for(self, entry: Entry) -> str | None:
        """What an unfinished record waits for, as the end of "it waits for ..."; None when it is for no direct call."""
        for name, queue in self._queues.items():
            if any(item.entry is entry for item in queue.items()):
                return f"LiveIntent ({name}) to take its direct call"
        return None

    def asked_by(self, events: Sequence[Decoded], origin: Origin) -> DirectReading:
        """The direct calls that a record's events ask for."""
        now_us = int(self._utc_seconds() * 1_000_000)
        read = read_direct_calls(events, self._policy, origin, now_us=now_us)
        for reason in read.ignored:
            self._metrics.calls.labels(NO_SINK, reason).inc()
        return read

    def accept(self, call: DirectCall, entry: Entry) -> None:
        """Put one call, a part of the entry's record, on its way."""
        self._queues[call.sink].add(WaitingCall(call, entry))

    def stop_starting(self) -> None:
        """Start no further request; those under way go on."""
        self.starting = False

    async def release(self, partitions: Collection[PartitionId], *, drain_seconds: float) -> None:
        """Let go of everything from these partitions, which the ledger has stopped taking.

        What waits, for its turn or for LiveIntent to recover, is given up; what is on the wire gets `drain_seconds`.
        """
        self.let_go(partitions)
        await self._off_the_wire(lambda entry: entry.partition in partitions, drain_seconds)

    def let_go(self, partitions: Collection[PartitionId]) -> None:
        """Send nothing more from these partitions. What is in a parcel is left out of it when its turn comes."""
        for queue in self._queues.values():
            queue.forget(partitions)

    async def drain(self, *, drain_seconds: float) -> bool:
        """Wait for what is on the wire, at most so long. Whether all of it came to an end."""
        return await self._off_the_wire(lambda _: True, drain_seconds)

    # What the queues tell

    def is_too_late(self, call: DirectCall) -> bool:
        """Whether the call is too old by now: the collector has no event time, so after an outage it would look as new."""
        if call.sink is not DirectCallSink.COLLECTOR:
            return False
        return self._utc_seconds() - call.event_us / 1_000_000 > self._policy.max_age_seconds

    def delivered(self, item: WaitingCall) -> None:
        """Finish it."""
        self._settle(item, _DELIVERED, "delivered")

    def perhaps_delivered(self, item: WaitingCall) -> None:
        """Finish it, under a name of its own: sent again it could count twice."""
        self._settle(item, _DELIVERED, "perhaps_delivered")

    def too_late(self, item: WaitingCall) -> None:
        """Finish it as ignored."""
        self._settle(item, Ignored(IgnoreReason.TOO_OLD), IgnoreReason.TOO_OLD)

    def refused(self, item: WaitingCall, detail: str) -> None:
        """Dead-letter its record. Raises DeadLetterLimitReached when there are too many."""
        self._count(item, RejectReason.DIRECT_CALL_REFUSED)
        rejected = Rejected(RejectReason.DIRECT_CALL_REFUSED, detail)
        self._refusals.refuse(item.entry, rejected, stage="direct_call")

    def given_up(self, item: WaitingCall) -> None:
        """Its record stays unfinished."""
        self._count(item, "released")

    def landed(self) -> None:
        """Whoever waits for that looks again."""
        self._landed.set()

    def _settle(self, item: WaitingCall, outcome: Outcome, name: str) -> None:
        self._count(item, name)
        self._ledger.finish(item.entry, outcome)

    def _count(self, item: WaitingCall, outcome: str) -> None:
        sink = item.call.sink
        self._metrics.calls.labels(sink, outcome).inc()
        self._metrics.seconds.labels(sink).observe(self._now() - item.entry.read_at)

    async def _off_the_wire(self, belongs: Callable[[Entry], bool], drain_seconds: float) -> bool:
        try:
            async with asyncio.timeout(drain_seconds):
                while any(
                    belongs(item.entry)
                    for queue in self._queues.values()
                    for item in queue.on_the_wire()
                ):
                    self._landed.clear()
                    await self._landed.wait()
        except TimeoutError:
            return False
        return True
