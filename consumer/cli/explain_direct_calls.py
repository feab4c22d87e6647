"""Which direct calls `explain` explains: those of the settings, or all that an event map would make."""

from collections.abc import Mapping
from pathlib import Path

from consumer.choices import DirectCallSink, SegmentCall
from consumer.segment.direct_call_policy import DirectCallPolicy
from consumer.segment.event_map.events import EventTable
from consumer.segment.event_map.reading import load_event_map
from consumer.segment.membership_policy import MembershipPolicy
from consumer.settings import DirectCallSettings, load_part


def direct_call_policy(
    event_map: str | None,
    membership: MembershipPolicy,
    environ: Mapping[str, str],
    *,
    env_file: Path | None,
) -> DirectCallPolicy | None:
    """Return what decides about direct calls, None when there are none to explain.

    An `event_map` is tried out: every call it has a row for, to whatever sink. Without one the settings say which calls are
    forwarded. Raises `SettingsError` for an event map, or settings, that cannot be used.
    """
    if event_map is not None:
        return DirectCallPolicy(
            sinks=frozenset(DirectCallSink),
            calls=frozenset(SegmentCall),
            events=EventTable(load_event_map(event_map)),
            membership=membership,
        )
    settings = load_part(DirectCallSettings, environ, env_file=env_file)
    if not settings.direct_calls:
        return None
    return DirectCallPolicy(
        sinks=frozenset(settings.direct_call_sink),
        calls=frozenset(settings.direct_calls),
        events=EventTable(load_event_map(settings.direct_call_event_map)),
        membership=membership,
        max_age_seconds=settings.direct_call_max_age_seconds,
    )
