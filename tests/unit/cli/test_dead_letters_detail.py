from consumer.cli.dead_letters_detail import Outlook, outlook_on
from consumer.cli.explanation import Verdict
from consumer.cli.value_decoder import configured_decoder
from consumer.record import IgnoreReason, RejectReason
from consumer.sandbox.segment_encoders import as_avro_container
from tests.builders import a_record
from tests.segment_events import Fields, a_policy, an_identify

BAD: Fields = {"type": "identify", "timestamp": "soon"}


def outlook(*events: Fields) -> Outlook:
    decode = configured_decoder({"EVENT_FORMAT": "avro-container"})
    return outlook_on(a_record(value=as_avro_container(events)), a_policy(), decode)


def test_a_record_of_several_events_tells_of_each_and_of_itself() -> None:
    told = outlook({"type": "alias"}, an_identify(), BAD)

    assert [event.verdict for event in told.events] == [
        Verdict.IGNORED,
        Verdict.CHANGES,
        Verdict.REJECTED,
    ]
    assert (told.verdict, told.reason) == (Verdict.REJECTED, RejectReason.INVALID_EVENT)
    assert len(told.changes) == 1


def test_a_record_that_would_be_delivered_says_so_whatever_else_is_in_it() -> None:
    assert outlook({"type": "alias"}, an_identify()).verdict is Verdict.CHANGES


def test_a_record_that_asks_for_nothing_has_the_first_of_its_events_reasons() -> None:
    told = outlook({"type": "page"}, {"type": "alias"})

    assert (told.verdict, told.reason) == (Verdict.IGNORED, IgnoreReason.UNSUPPORTED_TYPE)


def test_a_record_of_one_event_tells_of_it_alone() -> None:
    assert outlook(BAD).events == ()
