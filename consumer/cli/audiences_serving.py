"""Which of our audiences each of LiveIntent's serves, by the settings. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consumer.cli.audiences_source import AudienceSettings
from consumer.liveintent.audience_choice import precedence, usable_rows
from consumer.liveintent.shapes import AudienceId, AudienceRow


@dataclass(frozen=True, slots=True)
class Serving:
    """What one of LiveIntent's audiences is to us. `key` is Segment's; `in_use` says whether files go to it."""

    key: str
    in_use: bool


def servings(
    rows: Sequence[AudienceRow], settings: AudienceSettings
) -> Mapping[AudienceId, Serving]:
    """What each audience is to us; those that are nothing to us are left out.

    An id that is set wins over any name. Of several of one name the service uses the earliest created, then the
    lowest id; an Archived or Deleted one is never in use.
    """
    ids = {AudienceId(value): key for key, value in settings.liveintent_audience_ids.items()}
    by_name: dict[str, list[AudienceRow]] = {}
    found: dict[AudienceId, Serving] = {}
    for row in rows:
        if row.id in ids:
            found[row.id] = Serving(ids[row.id], in_use=bool(usable_rows([row])))
        elif (key := _key_of(row.name, settings)) is not None:
            by_name.setdefault(key, []).append(row)
    for key, named in by_name.items():
        used = min(usable_rows(named), key=precedence, default=None)
        taken = key in settings.liveintent_audience_ids
        for row in named:
            found[row.id] = Serving(key, in_use=row is used and not taken)
    return found


def absent_keys(rows: Sequence[AudienceRow], settings: AudienceSettings) -> list[str]:
    """The keys our settings name for which LiveIntent has no audience that is not deleted."""
    there = {
        serving.key
        for audience, serving in servings(rows, settings).items()
        if any(row.id == audience and row.status != "Deleted" for row in rows)
    }
    named = settings.listed_audiences | settings.liveintent_audience_ids.keys()
    return sorted(named - there)


def _key_of(name: str, settings: AudienceSettings) -> str | None:
    prefix = settings.liveintent_audience_name_prefix
    key = name.removeprefix(prefix)
    if not name.startswith(prefix) or not key:
        return None
    return key if settings.serves_every_audience or key in settings.listed_audiences else None
