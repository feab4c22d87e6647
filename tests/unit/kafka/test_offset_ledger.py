import pytest

from consumer.kafka.offset_ledger import CommitOffset, Entry, OffsetLedger, PartitionId
from consumer.kafka.record_weight import CHANGE_BYTES, HEADER_BYTES
from consumer.record import Delivered, Ignored, IgnoreReason, Rejected, RejectReason
from tests.builders import a_record

P0 = PartitionId("events", 0)
P1 = PartitionId("events", 1)


def a_ledger(*partitions: PartitionId) -> OffsetLedger:
    ledger = OffsetLedger()
    ledger.assign(partitions or (P0,), 1)
    return ledger


def delivered(
    ledger: OffsetLedger, offset: int, *, partition: int = 0, assignment: int = 1
) -> Entry:
    entry = ledger.deliver(a_record(offset, partition=partition, assignment=assignment), now=5.0)
    assert entry is not None
    return entry


def test_nothing_is_committable_before_anything_is_finished() -> None:
    ledger = a_ledger()
    delivered(ledger, 7)

    assert ledger.commitable() == []
    assert ledger.watermark(P0) is None


def test_an_unfinished_record_holds_back_the_commit() -> None:
    ledger = a_ledger()
    first, second = delivered(ledger, 1), delivered(ledger, 2)
    ledger.finish(second, Delivered())

    assert ledger.commitable() == []
    assert ledger.oldest_unfinished(P0) is first
    assert ledger.unfinished(P0) == 1


def test_the_commit_is_the_offset_after_the_last_record_below_which_all_are_finished() -> None:
    ledger = a_ledger()
    entries = [delivered(ledger, offset) for offset in (1, 5, 9, 10)]
    for entry in (entries[1], entries[0], entries[3]):
        ledger.finish(entry, Delivered())

    assert ledger.commitable() == [CommitOffset("events", 0, 6, 0)]


def test_a_gap_in_the_offsets_does_not_hold_back_the_commit() -> None:
    ledger = a_ledger()
    for entry in [delivered(ledger, offset) for offset in (3, 40, 41)]:
        ledger.finish(entry, Delivered())

    assert ledger.commitable() == [CommitOffset("events", 0, 42, 0)]


def test_a_committed_offset_is_not_offered_again() -> None:
    ledger = a_ledger()
    ledger.finish(delivered(ledger, 1), Delivered())
    assert ledger.committed_offset(P0) is None

    ledger.committed(ledger.commitable())

    assert ledger.commitable() == []
    assert ledger.committed_offset(P0) == 2


def test_an_answer_to_a_commit_of_an_earlier_assignment_does_not_hide_what_is_to_be_committed() -> (
    None
):
    ledger = a_ledger()
    ledger.finish(delivered(ledger, 50), Delivered())
    late = ledger.commitable()
    ledger.revoke([P0])
    ledger.assign([P0], 2)
    ledger.finish(delivered(ledger, 10, assignment=2), Delivered())
    ledger.committed(late)

    assert ledger.commitable() == [CommitOffset("events", 0, 11, 0)]


def test_an_answer_of_an_earlier_assignment_hides_not_even_the_same_offset() -> None:
    ledger = a_ledger()
    ledger.finish(delivered(ledger, 10), Delivered())
    late = ledger.commitable()
    ledger.revoke([P0])
    ledger.assign([P0], 2)
    ledger.finish(delivered(ledger, 10, assignment=2), Delivered())
    again = ledger.commitable()
    ledger.committed(late)

    assert ledger.commitable() == again == [CommitOffset("events", 0, 11, 0)]


def test_a_record_is_finished_when_its_last_part_is() -> None:
    ledger = a_ledger()
    entry = delivered(ledger, 1)
    ledger.split(entry, 2)
    ledger.finish(entry, Delivered())

    assert ledger.books.pending == 1

    ledger.finish(entry, Ignored(IgnoreReason.STALE))

    assert ledger.books.pending == 0
    assert ledger.books.delivered == 1


def test_a_record_is_rejected_if_any_part_is_though_others_were_delivered() -> None:
    ledger = a_ledger()
    entry = delivered(ledger, 1)
    ledger.split(entry, 3)
    ledger.finish(entry, Rejected(RejectReason.UPLOAD_REFUSED))
    ledger.finish(entry, Rejected(RejectReason.AUDIENCE_REFUSED))
    ledger.finish(entry, Delivered())

    assert ledger.books.dead_lettered == {RejectReason.UPLOAD_REFUSED: 1}
    assert ledger.books.delivered == 0
    assert entry.rejected


def test_a_record_of_ignored_parts_is_counted_under_the_first_reason_in_order() -> None:
    ledger = a_ledger()
    entry = delivered(ledger, 1)
    ledger.split(entry, 2, ignored=[IgnoreReason.NO_CONSENT])
    ledger.finish(entry, Ignored(IgnoreReason.STALE))
    ledger.finish(entry, Ignored(IgnoreReason.BAD_MEMBERSHIP))

    assert ledger.books.ignored == {IgnoreReason.BAD_MEMBERSHIP: 1}


def test_finishing_a_record_more_often_than_it_has_parts_is_a_loud_bug() -> None:
    ledger = a_ledger()
    delivered(ledger, 0)
    entry = delivered(ledger, 1)
    ledger.finish(entry, Delivered())
    entry.parts_left = 1

    with pytest.raises(RuntimeError, match="more often than it has parts"):
        ledger.finish(entry, Delivered())


def test_a_record_of_another_assignment_is_not_taken() -> None:
    ledger = a_ledger()

    assert ledger.deliver(a_record(1, assignment=9), now=0) is None
    assert ledger.deliver(a_record(1, partition=1), now=0) is None
    assert ledger.books.consumed == 0


def test_a_partition_about_to_leave_takes_no_more_but_may_finish_what_it_has() -> None:
    ledger = a_ledger()
    entry = delivered(ledger, 1)
    ledger.stop_taking([P0, P1])

    assert ledger.deliver(a_record(2), now=0) is None
    assert not entry.wanted

    ledger.finish(entry, Delivered())

    assert ledger.revoke([P0]) == [CommitOffset("events", 0, 2, 0)]


def test_a_late_result_of_a_revoked_partition_changes_nothing() -> None:
    ledger = a_ledger()
    entry = delivered(ledger, 1)
    ledger.revoke([P0])
    ledger.assign([P0], 2)
    again = delivered(ledger, 1, assignment=2)
    ledger.finish(entry, Delivered())

    assert entry.released
    assert ledger.commitable() == []
    assert ledger.books.delivered == 0
    assert not again.released


def test_revoking_releases_the_unfinished_and_keeps_what_was_counted() -> None:
    ledger = a_ledger()
    delivered(ledger, 1)
    ledger.finish(delivered(ledger, 2), Delivered())
    last = ledger.revoke([P0, P1])

    assert last == []
    assert (
        ledger.books.consumed,
        ledger.books.delivered,
        ledger.books.released,
        ledger.books.pending,
    ) == (2, 1, 1, 0)
    assert ledger.partitions() == []
    assert ledger.pending_bytes == 0


def test_a_revoked_partition_commits_only_what_is_not_committed_yet() -> None:
    ledger = a_ledger()
    ledger.finish(delivered(ledger, 1), Delivered())
    ledger.committed(ledger.commitable())

    assert ledger.revoke([P0]) == []


def test_memory_is_counted_while_records_are_unfinished_and_given_back() -> None:
    ledger = a_ledger()
    first, second = delivered(ledger, 1), delivered(ledger, 2)
    both = ledger.pending_bytes
    ledger.finish(second, Delivered())
    held_back = ledger.pending_bytes

    assert both > held_back > both / 2

    ledger.finish(first, Delivered())

    assert ledger.pending_bytes == 0


def test_a_record_weighs_more_with_every_change_and_every_header() -> None:
    ledger = a_ledger()
    plain = ledger.deliver(a_record(1), now=0.0)
    of_one = ledger.pending_bytes
    headed = ledger.deliver(a_record(2, headers=(("a", b""), ("b", None))), now=0.0)
    of_headers = ledger.pending_bytes - 2 * of_one
    assert plain is not None
    assert headed is not None

    ledger.split(plain, 3)

    assert of_headers == 2 + 2 * HEADER_BYTES
    assert ledger.pending_bytes == 2 * of_one + of_headers + 3 * CHANGE_BYTES
    ledger.revoke([P0])
    assert ledger.pending_bytes == 0


def test_a_record_split_after_its_partition_left_weighs_nothing() -> None:
    ledger = a_ledger()
    entry = delivered(ledger, 1)
    ledger.revoke([P0])

    ledger.split(entry, 3)

    assert ledger.pending_bytes == 0


def test_an_unknown_partition_has_nothing_to_tell() -> None:
    ledger = OffsetLedger()

    assert ledger.watermark(P0) is None
    assert ledger.committed_offset(P0) is None
    assert ledger.oldest_unfinished(P0) is None
    assert ledger.unfinished(P0) == 0


def test_an_entry_knows_its_partition() -> None:
    ledger = a_ledger(P1)

    assert delivered(ledger, 4, partition=1).partition == P1


def test_the_anchor_is_what_is_finished_or_else_the_lowest_unfinished_record_itself() -> None:
    ledger = a_ledger()
    assert ledger.anchor() is None

    first = delivered(ledger, 7)
    assert ledger.anchor() == CommitOffset("events", 0, 7, first.leader_epoch)

    ledger.finish(first, Delivered())
    delivered(ledger, 9)
    assert ledger.anchor() == CommitOffset("events", 0, 8, first.leader_epoch)
