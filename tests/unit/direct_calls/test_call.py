import pickle
import uuid

import pytest

from consumer.choices import DirectCallSink
from consumer.direct_calls.call import PrivacySignals
from consumer.direct_calls.page_address import PageAddress
from tests.direct_calls import MD5, SHA256, a_call


def test_the_event_id_depends_on_the_message_id_alone() -> None:
    first = a_call(message_id="m-1")
    again = a_call(message_id="m-1", event_us=7, sink=DirectCallSink.CONVERSIONS)

    assert first.event_id == again.event_id == "333f8348-62e2-5c84-9527-c734343a8eb7"
    assert a_call(message_id="m-2").event_id != first.event_id
    assert uuid.UUID(first.event_id).version == 5


def test_the_time_is_cut_to_whole_seconds() -> None:
    assert a_call(event_us=1_772_439_300_999_999).event_seconds == 1_772_439_300


def test_a_call_prints_nothing_of_its_person() -> None:
    call = a_call(
        event_json='{"name":"secret"}',
        email_hashes=(SHA256,),
        page=PageAddress("https://secret.example/"),
        ip="203.0.113.7",
        user_agent="secret",
        privacy=PrivacySignals(us_privacy="1YNN"),
        message_id="secret",
    )

    assert repr(call) == "DirectCall(page to collector, 1 hashes)"


def test_a_call_can_travel_between_processes() -> None:
    call = a_call(page=PageAddress("https://a.example/"), email_hashes=(MD5,))

    assert pickle.loads(pickle.dumps(call)) == call
    assert hash(call) == hash(pickle.loads(pickle.dumps(call)))


@pytest.mark.parametrize(
    ("parts", "more_bytes"),
    [
        ({"email_hashes": (MD5, SHA256)}, 96),
        ({"page": PageAddress("https://a.example/")}, 18),
        ({"referrer": "https://b.example/", "user_agent": "App/1.0"}, 25),
        ({"privacy": PrivacySignals(gpp="abc", gdpr_consent="de")}, 5),
    ],
)
def test_a_call_weighs_what_its_texts_weigh(parts: dict[str, object], more_bytes: int) -> None:
    assert a_call(**parts).size_bytes == a_call().size_bytes + more_bytes
