import pytest

from consumer.direct_calls.call import PrivacySignals
from consumer.segment.event_map.model import PrivacyPaths
from consumer.segment.event_map.reading import parse_event_map
from consumer.segment.privacy_signals import privacy_signals

SENT = PrivacySignals()


def signals(**context: object) -> PrivacySignals | None:
    return privacy_signals({"context": context, "properties": {}}, PrivacyPaths())


def test_an_event_that_says_nothing_may_be_sent() -> None:
    assert signals() == SENT


def test_what_is_said_goes_along() -> None:
    assert signals(
        us_privacy="1YNN",
        gdpr=False,
        gdpr_consent="CPc-x_y.z",
        gpp="DBABLA~BVQqAAAAAgA.QA",
        gpp_sections=[7, 8],
    ) == PrivacySignals(
        us_privacy="1YNN",
        gdpr=False,
        gdpr_consent="CPc-x_y.z",
        gpp="DBABLA~BVQqAAAAAgA.QA",
        gpp_sections=(7, 8),
    )


@pytest.mark.parametrize(
    "value", [True, 1, "1", "true", "yes", "unknown", {"applies": False}, 2.0], ids=repr
)
def test_nothing_is_sent_where_gdpr_may_apply(value: object) -> None:
    assert signals(gdpr=value, gdpr_consent="CPc") is None


@pytest.mark.parametrize("value", [False, 0, "0", "false", " No ", ""], ids=repr)
def test_gdpr_does_not_apply_where_the_event_says_so(value: object) -> None:
    assert signals(gdpr=value) == PrivacySignals(gdpr=False)


@pytest.mark.parametrize(
    ("value", "sections"),
    [
        ("7", (7,)),
        ("7,8", (7, 8)),
        ("7_8", (7, 8)),
        (" 7, 8 ", (7, 8)),
        (7, (7,)),
        ([7, 8], (7, 8)),
        ((-1,), (-1,)),
        ("-1", (-1,)),
        ([], ()),
        ("", ()),
    ],
    ids=repr,
)
def test_gpp_sections_are_read_however_they_are_listed(
    value: object, sections: tuple[int, ...]
) -> None:
    assert signals(gpp_sections=value) == PrivacySignals(gpp_sections=sections)


@pytest.mark.parametrize(
    "value",
    [2, "2", [2], [7, 2], "7,2", "2_7", ["7"], [True], True, "tcfeuv2", {"7": 1}, [7] * 33, 1000, "9" * 99],
    ids=repr,
)  # fmt: skip
def test_nothing_is_sent_where_section_2_may_apply(value: object) -> None:
    assert signals(gpp_sections=value) is None


@pytest.mark.parametrize("value", ["1YYN", "1YYY", "1-Y-", "1ny-", " 1YYN ", "1NY", "1YYN9"])
def test_nothing_is_sent_of_somebody_who_opted_out_of_sale(value: str) -> None:
    assert signals(us_privacy=value) is None


@pytest.mark.parametrize("value", ["1---", "1NNN", "1ynn"])
def test_a_us_privacy_string_without_an_opt_out_goes_along(value: str) -> None:
    assert signals(us_privacy=value) == PrivacySignals(us_privacy=value)


@pytest.mark.parametrize("value", ["", "2YNN", "1Y", "yes", 1, ["1YNN"], "1Y\nN"])
def test_a_us_privacy_string_that_is_none_is_left_out(value: object) -> None:
    assert signals(us_privacy=value) == SENT


def test_an_opt_out_inside_the_gpp_string_counts() -> None:
    assert signals(gpp="DBABBg~1YYN") is None
    assert signals(gpp="DBACMYA~CPXxRfA~1YNY~BVQ") == PrivacySignals(gpp="DBACMYA~CPXxRfA~1YNY~BVQ")


@pytest.mark.parametrize("value", ["DBA 1", "g" * 1501, 5, ["DBA"], "ada@example.com"])
def test_nothing_is_sent_when_the_gpp_string_cannot_be_read(value: object) -> None:
    assert signals(gpp=value) is None


def test_an_empty_gpp_string_says_nothing() -> None:
    assert signals(gpp="") == SENT


@pytest.mark.parametrize("value", ["", "CP c", "c" * 1001, 5, "ada@example.com"])
def test_a_consent_string_that_is_none_is_left_out(value: object) -> None:
    assert signals(gdpr_consent=value) == SENT


@pytest.mark.parametrize(
    "parts",
    [
        {"context": {"consent": {"usPrivacy": "1YYN"}}},
        {"context": {"us_privacy": "1YYN"}},
        {"context": {}, "properties": {"usPrivacy": "1YYN"}},
        {"context": {"consent": {"gdprApplies": True}}},
        {"context": {"applicableSections": [2]}},
        {"properties": {"gpp_sid": "2"}},
    ],
)
def test_choices_are_found_in_all_the_usual_places(parts: dict[str, object]) -> None:
    assert privacy_signals(parts, PrivacyPaths()) is None


def test_an_event_map_can_say_where_choices_are() -> None:
    paths = parse_event_map('[privacy]\ngdpr = "traits.eu"', "mine.toml").privacy

    assert privacy_signals({"traits": {"eu": 1}}, paths) is None
    assert privacy_signals({"context": {"us_privacy": "1YYN"}}, paths) is None
