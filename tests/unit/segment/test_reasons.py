from consumer.record import IgnoreReason, RejectReason
from consumer.segment.membership_rules import Note
from consumer.segment.reasons import NOTED, WHY_IGNORED, WHY_REJECTED, in_words


def test_every_reason_and_every_note_has_a_sentence() -> None:
    assert set(WHY_IGNORED) == set(IgnoreReason)
    assert set(WHY_REJECTED) == set(RejectReason)
    assert set(NOTED) == set(Note)
    sentences = [*WHY_IGNORED.values(), *WHY_REJECTED.values(), *NOTED.values()]
    assert all(sentence.endswith(".") and sentence[0].isupper() for sentence in sentences)
    assert len(set(sentences)) == len(sentences)


def test_a_reason_is_put_into_words_whichever_kind_it_is() -> None:
    assert in_words(IgnoreReason.STALE) == WHY_IGNORED[IgnoreReason.STALE]
    assert in_words(RejectReason.TOO_LARGE) == WHY_REJECTED[RejectReason.TOO_LARGE]
