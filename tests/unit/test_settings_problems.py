import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.audience import membership
from consumer.errors import SettingsError
from consumer.settings import (
    KNOWN_NAMES,
    load_settings,
)
from consumer.settings.parsing import AUDIENCE_NAME, AUDIENCE_NAME_MAX
from tests.unit.settings_builders import COMPLETE, problems_with


def test_an_empty_environment_is_told_everything_it_lacks() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({})

    assert [problem.split()[0] for problem in caught.value.problems] == list(COMPLETE)
    assert caught.value.problems[0] == (
        "LIVEINTENT_URL is required: Base URL of LiveIntent's Audiences API."
    )


def test_every_kind_of_problem_is_reported_together() -> None:
    problems = problems_with(
        {
            "FLUSH_ROW": "10",
            "LIVEINTENT_ACCOUNT_ID": "twelve",
            "UPLOAD_POLL_SECONDS": "400",
            "LIVEINTENT_API_KEY_FILE": "/nowhere",
        },
        without=("KAFKA_GROUP_ID",),
    )

    assert problems == [
        "FLUSH_ROW is not a setting; did you mean FLUSH_ROWS?",
        "LIVEINTENT_API_KEY and LIVEINTENT_API_KEY_FILE are both set; keep one of them.",
        "LIVEINTENT_ACCOUNT_ID must be a whole number, not 'twelve'.",
        "UPLOAD_POLL_MAX_SECONDS must be at least UPLOAD_POLL_SECONDS.",
        "KAFKA_GROUP_ID is required: Consumer group, which holds the offsets.",
    ]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("LIVEINTENT_AUTO_CREATE", "maybe", "must be true or false, not 'maybe'."),
        ("LIVEINTENT_ON_ARCHIVED", "ask", "must be fail or activate, not 'ask'."),
        ("LIVEINTENT_ACCOUNT_ID", "0", "must be at least 1, not '0'."),
        ("FLUSH_SECONDS", "0", "must be greater than 0, not '0'."),
        ("FLUSH_SECONDS", "soon", "must be a number, not 'soon'."),
        ("FLUSH_SECONDS", "inf", "must be a finite number, not 'inf'."),
        ("STALLED_AFTER_SECONDS", "60", "must be above FLUSH_SECONDS, for which every change may wait."),
        ("FLUSH_ROWS", "1e3", "must be a whole number, not '1e3'."),
        ("FLUSH_ROWS", "9" * 5000, f"must be a smaller number, not '{'9' * 40}...'."),
        ("HTTP_PORT", "65536", "must be at most 65535, not '65536'."),
        (
            "HTTP_PORT",
            "tcp://10.0.0.1:80",
            "must be a whole number, not 'tcp://10.0.0.1:80': Kubernetes set it for a Service; "
            "put enableServiceLinks: false.",
        ),
        ("SCHEMAS_DIRECTORY", "/nowhere", "must be a directory that exists, not '/nowhere'."),
        (
            "LIVEINTENT_AUDIENCES",
            "ok,vip!,a/b",
            "has names LiveIntent cannot take: 'vip!', 'a/b'. A name has letters A to Z, digits, space and _ . : - only.",
        ),
        ("LIVEINTENT_AUDIENCE_NAME_PREFIX", "a/", "must be letters A to Z, digits, space and _ . : - only."),
        ("LIVEINTENT_REQUESTS_PER_SECOND", "nan", "must be a finite number, not 'nan'."),
        ("SCHEMA_REGISTRY_URL", "ftp://host", "must be a URL that begins with https:// or http:// and names a host."),
        ("EMAIL_HASHES", ",", "must name at least one of md5, sha1, sha256."),
        ("EMAIL_HASHES", "md5,crc32", "must be md5, sha1 or sha256, not 'md5,crc32'."),
        ("KAFKA_TOPICS", " , ", "must name at least one."),
        (
            "KAFKA_TOPICS",
            "^events.*",
            "has a name no topic can have: '^events.*'. Patterns are not supported; name each topic.",
        ),
        ("KAFKA_GROUP_ID", "a\nb", "must be one line of text."),
        (
            "KAFKA_FIRST_START",
            "2026-01-31T08:00:00",
            "must be earliest, latest, or a date and time with its zone such as 2026-01-31T08:00:00Z, "
            "not '2026-01-31T08:00:00'.",
        ),
        (
            "KAFKA_FIRST_START",
            "newest",
            "must be earliest, latest, or a date and time with its zone such as 2026-01-31T08:00:00Z, not 'newest'.",
        ),
        ("KAFKA_DEAD_LETTER_TOPIC", "events", "must not be one of KAFKA_TOPICS: dead letters would be read again for ever."),
        ("KAFKA_PROPERTIES", '{"group.id": "x"}', "must not hold group.id (set KAFKA_GROUP_ID)."),
        ("KAFKA_PROPERTIES", "[1]", "must be a JSON object."),
        ("KAFKA_PROPERTIES", '{"sasl.password": ', "must be a JSON object, and is not JSON (line 1, column 19)."),
        ("KAFKA_PROPERTIES", '{"a": null}', "must have text, numbers or booleans as values; 'a' has not."),
        ("UPLOAD_HEADERS", "{", "must be a JSON object, and is not JSON (line 1, column 2)."),
        ("UPLOAD_HEADERS", '{"two words": "x"}', "must hold names and values that HTTP headers can have."),
        ("UPLOAD_HEADERS", '{"x": "a\\nb"}', "must hold names and values that HTTP headers can have."),
        ("UPLOAD_HEADERS", '{"content-type": "text/csv"}', "must not hold Content-Type: set UPLOAD_CONTENT_TYPE."),
        ("UPLOAD_NAME_PREFIX", "a/b", "must match ^[A-Za-z0-9._-]{1,64}$, not 'a/b'."),
        ("LIVEINTENT_ACTION_REMOVE", "ADD", "must differ from LIVEINTENT_ACTION_ADD."),
        ("MEMORY_BUDGET_MB", "8", "must be at least 16, not '8'."),
        ("EVENT_MAX_BYTES", "999999999", "MEMORY_BUDGET_MB must hold at least four events of EVENT_MAX_BYTES."),
        ("UPLOAD_LIST_DEADLINE_SECONDS", "99999", "UPLOAD_FINISH_DEADLINE_SECONDS must be at least UPLOAD_LIST_DEADLINE_SECONDS."),
        ("SCHEMA_REGISTRY_USERNAME", "u", "SCHEMA_REGISTRY_PASSWORD and SCHEMA_REGISTRY_USERNAME must be set together."),
        ("SCHEMA_REGISTRY_PASSWORD", "p", "SCHEMA_REGISTRY_PASSWORD and SCHEMA_REGISTRY_USERNAME must be set together."),
        ("SCHEMA_REGISTRY_PASSWORD", "p\x00", "must be one line of text."),
        ("LIVEINTENT_API_KEY", "Bearer x", "must be the token alone, without the word Bearer before it."),
        ("LIVEINTENT_API_KEY", "two words", "must be one word of printable ASCII, without spaces or line breaks."),
        ("LIVEINTENT_URL", "audiences.example", "must be a URL that begins with https:// or http:// and names a host."),
        ("LIVEINTENT_URL", "https://host:port", "must be a URL that begins with https:// or http:// and names a host."),
        ("LIVEINTENT_URL", "https://u:hunter2@host", "must not hold a user name or password."),
        ("LIVEINTENT_URL", "https://host/?a=b", "must end with the path: no ? or #, no spaces."),
        (
            "LIVEINTENT_URL",
            "http://audiences.example",
            "must begin with https:// (http:// is for this machine only: the token goes there).",
        ),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_what_is_expected(name: str, text: str, problem: str) -> None:
    named = problem if problem.partition(" ")[0] in KNOWN_NAMES else f"{name} {problem}"

    assert problems_with({name: text}) == [named]


def test_a_registry_is_asked_for_only_where_the_format_needs_it() -> None:
    assert problems_with({}, without=("SCHEMA_REGISTRY_URL",)) == [
        "SCHEMA_REGISTRY_URL is required when EVENT_FORMAT is avro-confluent, the default: "
        "URL of the schema registry."
    ]

    without = {name: text for name, text in COMPLETE.items() if name != "SCHEMA_REGISTRY_URL"}
    assert load_settings(without | {"EVENT_FORMAT": "json"}).schema_registry_url is None


def test_a_registry_takes_a_password_or_a_token() -> None:
    both = {
        "SCHEMA_REGISTRY_USERNAME": "u",
        "SCHEMA_REGISTRY_PASSWORD": "p",
        "SCHEMA_REGISTRY_TOKEN": "t",
    }

    assert problems_with(both) == [
        "SCHEMA_REGISTRY_TOKEN must not be set together with SCHEMA_REGISTRY_USERNAME: use one of them."
    ]


def test_an_audience_must_fit_together_with_its_prefix() -> None:
    name = "a" * 120

    assert problems_with(
        {"LIVEINTENT_AUDIENCES": name, "LIVEINTENT_AUDIENCE_NAME_PREFIX": "segment: "}
    ) == [
        "LIVEINTENT_AUDIENCES has names that with LIVEINTENT_AUDIENCE_NAME_PREFIX are over 128 characters: "
        f"'{name}'."
    ]


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("LIVEINTENT_AUDIENCE", "LIVEINTENT_AUDIENCES"),
        ("LIVE_INTENT_API_KEY", "LIVEINTENT_API_KEY"),
        ("KAFKA_TOPIC", "KAFKA_TOPICS"),
        ("KAFKA_DEADLETTER_TOPIC", "KAFKA_DEAD_LETTER_TOPIC"),
        ("DEAD_LETTERS_LIMIT", "DEAD_LETTER_LIMIT"),
        ("HTTP_PORTS", "HTTP_PORT"),
        ("LIVEINTENT_APIKEY_FILE", "LIVEINTENT_API_KEY_FILE"),
        ("DRAIN_SECS", "DRAIN_SECONDS"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest(slip: str, meant: str) -> None:
    assert problems_with({slip: "1"}) == [f"{slip} is not a setting; did you mean {meant}?"]


def test_an_unknown_name_under_our_own_prefix_is_refused_without_a_guess() -> None:
    assert problems_with({"SEGMENT_XYZZY": "1"}) == ["SEGMENT_XYZZY is not a setting."]


@given(st.sampled_from(KNOWN_NAMES))
def test_no_known_name_is_ever_called_unknown(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({name: "x"})

    assert not [problem for problem in caught.value.problems if "is not a setting" in problem]


@given(st.text(max_size=AUDIENCE_NAME_MAX + 2))
def test_settings_and_events_agree_on_what_an_audience_name_is(name: str) -> None:
    fits = AUDIENCE_NAME.fullmatch(name) is not None and len(name) <= AUDIENCE_NAME_MAX

    assert fits == membership.is_audience_name(name)


def test_settings_and_members_agree_on_the_limits() -> None:
    assert membership.AUDIENCE_NAME_MAX == AUDIENCE_NAME_MAX
