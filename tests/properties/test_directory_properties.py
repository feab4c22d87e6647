"""Several replicas meet new audiences at once; whatever LiveIntent does, they end with one audience each."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from consumer.audience.membership import AudienceKey
from consumer.liveintent.audience_directory import AudienceDirectory, AudienceRefused
from consumer.liveintent.policies import DirectoryPolicy
from consumer.liveintent.shapes import AudienceId
from consumer.telemetry.metrics import Metrics
from tests.properties.effort import effort
from tests.unit.liveintent.fake_liveintent import (
    ACCOUNT,
    CREATES_THEN_TIMES_OUT,
    TIMED_OUT,
    FakeLiveIntent,
)
from tests.unit.liveintent.virtual_time import VirtualTime

KEY = AudienceKey("spring_buyers")
POLICY = DirectoryPolicy()
SCRIPTS = st.lists(st.sampled_from([TIMED_OUT, CREATES_THEN_TIMES_OUT]), max_size=4)


def replicas(liveintent: FakeLiveIntent, time: VirtualTime, count: int) -> list[AudienceDirectory]:
    return [
        AudienceDirectory(
            liveintent, ACCOUNT, POLICY, Metrics(CollectorRegistry()), clock=time.clock
        )
        for _ in range(count)
    ]


async def resolve_all(
    directories: list[AudienceDirectory], time: VirtualTime, starts: list[float]
) -> set[AudienceId | AudienceRefused]:
    async def resolve(directory: AudienceDirectory, start: float) -> AudienceId | AudienceRefused:
        await time.sleep(start)
        return await directory.resolve(KEY)

    async def everyone() -> list[AudienceId | AudienceRefused]:
        return await asyncio.gather(
            *(
                resolve(directory, start)
                for directory, start in zip(directories, starts, strict=True)
            )
        )

    return set(await time.run(everyone()))


@effort(examples=60)
@given(
    starts=st.lists(st.floats(0, 90), min_size=2, max_size=4),
    lag=st.floats(0, 55),
    scripts=SCRIPTS,
)
def test_replicas_settle_on_one_audience_at_once_when_the_search_lags_evenly(
    starts: list[float], lag: float, scripts: list[object]
) -> None:
    async def scenario() -> set[AudienceId | AudienceRefused]:
        time = VirtualTime()
        liveintent = FakeLiveIntent(time, search_lag_seconds=lambda: lag)
        liveintent.creates.extend(scripts)  # type: ignore[arg-type]
        return await resolve_all(replicas(liveintent, time, len(starts)), time, starts)

    resolved = asyncio.run(scenario())

    assert len(resolved) == 1
    assert all(isinstance(audience, int) for audience in resolved)


@effort(examples=60)
@given(
    starts=st.lists(st.floats(0, 90), min_size=2, max_size=4),
    lags=st.lists(st.floats(0, 500), min_size=12, max_size=12),
    scripts=SCRIPTS,
)
def test_replicas_agree_after_their_next_check_however_unevenly_the_search_lags(
    starts: list[float], lags: list[float], scripts: list[object]
) -> None:
    async def scenario() -> set[AudienceId | AudienceRefused]:
        time = VirtualTime()
        left = iter(lags)
        liveintent = FakeLiveIntent(time, search_lag_seconds=lambda: next(left, 0.0))
        liveintent.creates.extend(scripts)  # type: ignore[arg-type]
        directories = replicas(liveintent, time, len(starts))
        await resolve_all(directories, time, starts)
        await time.sleep(0)
        time.seconds += POLICY.recheck_seconds + 1  # rounding must not put the check off
        return await resolve_all(directories, time, [0.0] * len(starts))

    assert len(asyncio.run(scenario())) == 1
