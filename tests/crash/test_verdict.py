"""What the judgement of a run rests on: comparing members, finding secrets, telling how a row came about."""

from dataclasses import replace

from consumer.sandbox.liveintent_server import UploadView
from consumer.sandbox.segment_feed import FeedOptions, segment_feed
from consumer.sandbox.segment_intents import ChangeIntent, FeedItem
from tests.crash.journal import Journal, Row
from tests.crash.report import heading, line_of, trouble
from tests.crash.spoken import secrets_spoken
from tests.crash.verdict import Numbers, Verdict, difference
from tests.kafka_cluster.topics import Written

HASH = "5d41402abc4b2a76b9719d911017c592"
DEVICE = "0a1b2c3d-0000-4000-8000-0123456789ab"
NUMBERS = Numbers(
    seed=3, kafka="embedded", seconds=60, drained=9, events=9000, kills=4, stops=3, pauses=2, rebalances=2,
    broker_restarts=1, outages=5, rotations=1, upload_troubles=6, uploads=400, rows=9000, done_again=70, lost=0, wrong=0,
)  # fmt: skip


def test_a_row_in_the_wrong_audience_is_missing_there_and_too_much_here() -> None:
    wrong = difference(
        {"here": {}, "there": {"AAID": {DEVICE}}}, {"here": {"AAID": {DEVICE}}, "there": {}}
    )

    assert wrong.missing == {Row("there", "AAID", DEVICE)}
    assert wrong.extra == {Row("here", "AAID", DEVICE)}
    assert len(wrong) == 2


def test_the_same_members_are_no_difference() -> None:
    members = {"here": {"AAID": {DEVICE}, "EMAIL_HASH": {HASH}}}

    assert not difference(members, members)


def test_every_kind_of_secret_is_found() -> None:
    text = f"dora@example.com {HASH.upper()} ab{HASH}cd {DEVICE.upper()} sig=kQ3-x"

    assert list(secrets_spoken(text, {HASH, DEVICE}, ["kQ3-x"])) == [
        "an email",
        "a hash",
        "a hash",
        "a device id",
        "a token or signature",
    ]


def test_a_hash_nobody_fed_is_no_secret() -> None:
    assert list(secrets_spoken(f"commit {HASH}, member {DEVICE}", set(), [])) == []


def test_the_history_of_a_row_tells_what_was_meant_and_what_was_sent() -> None:
    journal = Journal()
    item, intent = a_change()
    kind, values = next(iter(intent.contact.members.items()))
    value = next(iter(values))

    journal.fed(item, Written(partition=2, offset=17), at=101.0)
    journal.stored(intent.audience, kind, ["somebody else"])
    journal.stored(intent.audience, kind, values)
    told = journal.history(
        Row(intent.audience, kind, value), [an_upload("r0-1"), an_upload("r1-4")], began=100.0
    )

    assert told == [
        f"   +1.00  fed {intent.move} as 2/17",
        "   +3.00  stored ADD by r1-4, Finished +4.50",
    ]
    assert value in journal.values()


def test_a_run_is_one_line_below_its_heading_and_a_broken_one_tells_all() -> None:
    good = Verdict(NUMBERS, problems=(), timeline=("    0.00  kill of replica 1",))
    bad = replace(good, problems=("1 rows are missing",))

    assert len(line_of(good)) == len(heading()) + len("  ok")
    assert line_of(good).endswith("  ok")
    assert line_of(bad).endswith("  BROKEN")
    assert trouble(bad).splitlines() == ["    0.00  kill of replica 1", "", "- 1 rows are missing"]


def a_change() -> tuple[FeedItem, ChangeIntent]:
    for item in segment_feed(FeedOptions(events=50)):
        if isinstance(item.intent, ChangeIntent):
            return item, item.intent
    raise AssertionError("a feed has changes")


def an_upload(name: str) -> UploadView:
    return UploadView(
        audience_id=1, audience_name="vip", action="ADD", identifier_type="AAID", status="Finished",
        rows=1, invalid=0, stored_at=103.0, finished_at=104.5, upload_name=name,
    )  # fmt: skip
