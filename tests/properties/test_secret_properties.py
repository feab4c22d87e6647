"""The token's file, LiveIntent's opinion of it, and the calls in between, in virtual time.

The file is replaced, emptied, deleted; LiveIntent takes one token, several, none; hosts fail meanwhile. No call is ever decided
as refused for its token, none goes out without one, and once file and LiveIntent agree every waiting call goes through soon.
"""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from prometheus_client import CollectorRegistry

from consumer.liveintent.clock import Clock
from consumer.liveintent.exchange import Blocked, Exchange
from consumer.liveintent.policies import LiveIntentLimits
from consumer.liveintent.retry_schedule import RetrySchedule
from consumer.liveintent.token import Token
from consumer.liveintent.upload_outcome import Answer, Operation, Success, TransportFailure
from consumer.settings.secret import Secret
from consumer.telemetry.metrics import PREFIX, Metrics
from tests.properties.effort import effort
from tests.properties.virtual_loop import VirtualLoop

TOKENS = ["first", "second", "third"]
OK, UNAUTHORISED = Answer(200, b"{}"), Answer(401, b"")
TROUBLE = [Answer(503, b""), Answer(429, b"", retry_after_seconds=15), TransportFailure.TIMEOUT]
SOON_SECONDS = 300.0
"""Both circuits' longest waits (2 x 40), a call's longest (40) and Retry-After, with room. Calls take their time besides."""
LONGEST_CALL_SECONDS = 20.0
RETRY = RetrySchedule(first_seconds=2, max_seconds=40)
CIRCUIT = RetrySchedule(first_seconds=4, max_seconds=40)
Reply = Answer | TransportFailure


class SecretsAgainstLiveIntent(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "api-key"
        self.accepted: set[str] = set()
        self.trouble: list[Reply] = []
        self.sent: list[str] = []
        self.refused: set[str] = set()
        self.calls: list[asyncio.Task[object]] = []

    @initialize(text=st.sampled_from(["", "first\n"]))
    def start(self, text: str) -> None:
        self.file.write_text(text)
        self.accepted = {"first"}
        clock = Clock(now=self.loop.time, sleep=asyncio.sleep, random=lambda: 0.5)
        self.metrics = Metrics(CollectorRegistry())
        token = Token(Secret.from_file(self.file).read, clock=clock)
        limits = LiveIntentLimits(requests_per_second=20, concurrency=3)
        self.exchange = Exchange(
            token, limits, self.metrics, clock=clock, schedule=RETRY, circuit_schedule=CIRCUIT
        )

    # The operator and LiveIntent

    @rule(text=st.sampled_from([*TOKENS, "second\n", "  third \n"]))
    def the_file_is_replaced(self, text: str) -> None:
        self.file.write_text(text)

    @rule()
    def the_file_is_empty(self) -> None:
        self.file.write_text("")

    @rule()
    def the_file_is_missing(self) -> None:
        self.file.unlink(missing_ok=True)

    @rule(tokens=st.sets(st.sampled_from(TOKENS)))
    def liveintent_accepts(self, tokens: set[str]) -> None:
        self.accepted = tokens

    @rule(trouble=st.sampled_from(TROUBLE), times=st.integers(1, 8))
    def the_next_calls_fail(self, trouble: Reply, times: int) -> None:
        self.trouble += [trouble] * times

    # Calls

    @rule(seconds=st.sampled_from([0.1, 3.0, 20.0]), count=st.integers(1, 4))
    def calls_are_made(self, seconds: float, count: int) -> None:
        async def send(token: str) -> Reply:
            assert token, "a call went out without a token"
            self.sent.append(token)
            reply = self.answer(token)
            await asyncio.sleep(seconds)
            return reply

        decided = [self.exchange.decide(Operation.UPLOADS, send, str) for _ in range(count)]
        self.calls += [self.loop.create_task(each) for each in decided]
        self.time_passes(0.0)

    def answer(self, token: str) -> Reply:
        """LiveIntent decides when the call comes in."""
        if self.trouble:
            return self.trouble.pop()
        if token in self.accepted:
            return OK
        self.refused.add(token)
        return UNAUTHORISED

    @rule(seconds=st.sampled_from([0.1, 1.0, 6.0, 45.0]))
    def time_passes(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    # What the operator may count on

    @property
    def waiting(self) -> list[asyncio.Task[object]]:
        return [call for call in self.calls if not call.done()]

    @property
    def is_unauthorised(self) -> bool:
        return self.exchange.health.blocked is Blocked.UNAUTHORISED

    @rule(token=st.sampled_from(TOKENS), file_first=st.booleans())
    def both_agree_and_soon_every_call_goes_through(self, token: str, file_first: bool) -> None:
        self.trouble.clear()
        for replace in (0, 1) if file_first else (1, 0):
            if replace == 0:
                self.the_file_is_replaced(token)
            else:
                self.liveintent_accepts({token})
            self.time_passes(1.0)
        self.calls_are_made(0.1, 1)
        self.time_passes(SOON_SECONDS + LONGEST_CALL_SECONDS * len(self.waiting))

        assert not self.waiting
        assert not self.is_unauthorised

    @rule()
    def liveintent_accepts_nothing_for_long(self) -> None:
        self.trouble.clear()
        self.liveintent_accepts(set())
        self.calls_are_made(0.1, 2)
        self.time_passes(SOON_SECONDS)
        sent, waiting = len(self.sent), len(self.waiting)
        self.time_passes(SOON_SECONDS)

        assert self.is_unauthorised
        assert len(self.waiting) == waiting >= 2
        # One call asks at a time, ever less often; a long one may be asking.
        assert len(self.sent) - sent <= SOON_SECONDS / 20

    @precondition(lambda self: not self.waiting and not self.is_unauthorised and self.calls)
    @rule(new=st.sampled_from(TOKENS), seconds=st.sampled_from([0.1, 20.0]))
    def a_rotation_by_the_book_is_not_noticed(self, new: str, seconds: float) -> None:
        """Both accepted, then the file, then the old one revoked: nobody is called out of bed."""
        self.both_agree_and_soon_every_call_goes_through(self.sent[-1], file_first=True)
        self.liveintent_accepts({self.sent[-1], new})
        self.calls_are_made(seconds, 2)
        self.the_file_is_replaced(new)
        self.calls_are_made(seconds, 2)
        self.liveintent_accepts({new})
        self.calls_are_made(seconds, 2)
        while self.waiting:
            self.time_passes(0.05)
            assert not self.is_unauthorised

    @invariant()
    def no_call_is_decided_but_by_success(self) -> None:
        assert all(call.result() == Success("{}") for call in self.calls if call.done())

    @invariant()
    def unauthorised_is_said_for_a_reason_and_everywhere(self) -> None:
        if not self.calls:
            return
        said = self.metrics.registry.get_sample_value(f"{PREFIX}_liveintent_unauthorised")
        assert said == self.is_unauthorised
        if self.is_unauthorised:
            assert self.refused or not self.sent, "nobody refused anything"

    def teardown(self) -> None:
        try:
            self.both_agree_and_soon_every_call_goes_through("third", file_first=True)
            self.no_call_is_decided_but_by_success()
        finally:
            for call in self.calls:
                call.cancel()
            self.loop.run_until_complete(asyncio.sleep(0))
            self.loop.close()
            self.folder.cleanup()


TestSecretsAgainstLiveIntent = SecretsAgainstLiveIntent.TestCase
TestSecretsAgainstLiveIntent.settings = effort(examples=60, steps=30)
