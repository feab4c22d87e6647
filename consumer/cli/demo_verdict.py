"""Whether a demo came out right: the service's books and LiveIntent's members against what the feed meant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from consumer.record import IgnoreReason
from consumer.sandbox.oracle import CONTESTED, ExpectedOutcomes, Members
from consumer.telemetry.books import BooksSnapshot


@dataclass(frozen=True, slots=True)
class Difference:
    """How one audience differs from the oracle in one identifier type; in identifiers, never which ones."""

    audience: str
    identifier_type: str
    missing: int
    extra: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked: a sentence that should be true, whether it is, and the numbers behind it."""

    sentence: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All findings, and how the members differ."""

    findings: tuple[Finding, ...]
    differences: tuple[Difference, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything is as it should be."""
        return all(finding.ok for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found when a demo had come to rest."""

    produced: int
    books: BooksSnapshot
    uncommitted: int
    """Records whose offset is not committed."""
    members: Members
    breaches: tuple[str, ...] = ()
    """What the client did against LiveIntent's published contract."""


def verdict_on(evidence: Evidence, outcomes: ExpectedOutcomes, members: Members) -> Verdict:
    """Compare what was found with what the oracle expects."""
    differences = differences_between(members, evidence.members)
    findings = (
        _everything_was_read(evidence),
        _books_balance(evidence.books),
        _ended_as_meant(evidence.books, outcomes),
        Finding(
            "Every offset is committed",
            not evidence.uncommitted,
            _some(evidence.uncommitted, "not"),
        ),
        _equals_oracle(members, differences),
        Finding(
            "LiveIntent's contract was kept",
            not evidence.breaches,
            ", ".join(sorted(set(evidence.breaches))),
        ),
    )
    return Verdict(findings, differences)


def differences_between(expected: Members, actual: Members) -> tuple[Difference, ...]:
    """Where the members differ, by audience and identifier type."""
    return tuple(_differences(expected, actual))


def _differences(expected: Members, actual: Members) -> Iterator[Difference]:
    for audience in sorted(expected.keys() | actual.keys()):
        wanted, found = expected.get(audience, {}), actual.get(audience, {})
        for identifier_type in sorted(wanted.keys() | found.keys()):
            should, does = wanted.get(identifier_type, set()), found.get(identifier_type, set())
            if should != does:
                missing, extra = len(should - does), len(does - should)
                yield Difference(audience, identifier_type, missing, extra)


def _everything_was_read(evidence: Evidence) -> Finding:
    read = evidence.books.consumed - evidence.books.released
    return Finding(
        "Everything produced was read and finished",
        read == evidence.produced and not evidence.books.pending,
        f"{evidence.produced:,} produced, {read:,} read, {evidence.books.pending:,} pending",
    )


def _books_balance(books: BooksSnapshot) -> Finding:
    released = f" + {books.released:,} released" if books.released else ""
    numbers = (
        f"{books.consumed:,} = {books.delivered:,} + {_sum(books.ignored):,}"
        f" + {_sum(books.dead_lettered):,} + {books.pending:,}{released}"
    )
    return Finding(
        "Books balance: consumed = delivered + ignored + dead-lettered + pending",
        not books.difference,
        numbers,
    )


def _ended_as_meant(books: BooksSnapshot, outcomes: ExpectedOutcomes) -> Finding:
    """Every reason as often as the feed meant it; what timing may change, within its bounds."""
    contested = sum(books.ignored.get(reason, 0) for reason in CONTESTED)
    found = {
        **{reason: n for reason, n in books.ignored.items() if reason not in CONTESTED},
        **books.dead_lettered,
        "delivered, duplicate or stale": books.delivered + contested,
    }
    wanted = {
        **{str(reason): n for reason, n in outcomes.ignored.items()},
        **{str(reason): n for reason, n in outcomes.dead_lettered.items()},
        "delivered, duplicate or stale": outcomes.changes,
    }
    wrong = list(_unequal(wanted, {str(reason): n for reason, n in found.items()}))
    # A removal for which LiveIntent has no audience is as good as delivered.
    sent = books.delivered + books.ignored.get(IgnoreReason.NOBODY_TO_REMOVE, 0)
    if sent < outcomes.delivered_at_least:
        least = outcomes.delivered_at_least
        wrong.append(f"delivered: at least {least:,} expected, {books.delivered:,} found")
    return Finding("Every record ended as the feed meant it", not wrong, "; ".join(wrong))


def _unequal(wanted: Mapping[str, int], found: Mapping[str, int]) -> Iterator[str]:
    for reason in sorted(wanted.keys() | found.keys()):
        should, does = wanted.get(reason, 0), found.get(reason, 0)
        if should != does:
            yield f"{reason}: {should:,} expected, {does:,} found"


def _equals_oracle(expected: Members, differences: tuple[Difference, ...]) -> Finding:
    if differences:
        detail = "; ".join(
            f"{each.audience} {each.identifier_type}: {each.missing:,} missing, {each.extra:,} extra"
            for each in differences
        )
    else:
        held = sum(len(rows) for of_type in expected.values() for rows in of_type.values())
        detail = f"{held:,} identifiers in {len(expected)} audiences"
    return Finding("LiveIntent's members equal the oracle", not differences, detail)


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}" if count else ""


def _sum(counts: Mapping[str, int]) -> int:
    values: Iterable[int] = counts.values()
    return sum(values)
