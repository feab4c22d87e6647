"""EVENT_FORMAT, EVENT_SCHEMA_FILE and EVENT_FEEDS_FILE."""

from pathlib import Path

import pytest

from consumer.choices import EventFormat
from consumer.errors import SettingsError
from consumer.settings import load_settings
from tests.unit.settings_builders import COMPLETE, problems_with

TWO_FEEDS = """
[[feed]]
topics = ["files", "more_files"]
format = "avro-container"

[[feed]]
topics = ["bare"]
format = "avro-bare"
schema_file = "event.avsc"
"""
TOPICS = {"KAFKA_TOPICS": "events,files,more_files,bare"}


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    (tmp_path / "event.avsc").write_text("{}")
    return tmp_path / "feeds.toml"


def test_feeds_are_read_and_a_schema_lies_beside_their_file(feeds: Path) -> None:
    feeds.write_text(TWO_FEEDS)

    files, bare = load_settings(
        {**COMPLETE, **TOPICS, "EVENT_FEEDS_FILE": str(feeds)}
    ).event_feeds_file

    assert (files.topics, files.format) == (("files", "more_files"), EventFormat.AVRO_CONTAINER)
    assert (bare.format, bare.schema_file) == (
        EventFormat.AVRO_BARE,
        str(feeds.parent / "event.avsc"),
    )


def test_everything_wrong_with_a_feeds_file_is_told_at_once(feeds: Path) -> None:
    feeds.write_text(
        '[[feed]]\ntopics = []\nformat = "avro"\nscheme_file = "x"\n'
        '[[feed]]\ntopics = ["a"]\nformat = "avro-bare"\n'
        '[[feed]]\ntopics = ["b"]\nformat = "json"\nschema_file = "event.avsc"\n'
        '[[feed]]\ntopics = ["c d"]\nformat = "json"\nnonsense = "ours"\n'
        '[[feed]]\ntopics = ["e"]\nformat = "json"\n[[feed]]\ntopics = ["e"]\nformat = "json"\n'
        "[topics]\n"
    )

    found = problems_with({"EVENT_FEEDS_FILE": str(feeds), "FLUSH_ROWS": "many"})

    assert [
        each.removeprefix(f"EVENT_FEEDS_FILE: {feeds}: ") for each in found if "FEEDS" in each
    ] == [
        "topics is no key of a feeds file, which holds [[feed]] tables.",
        "feed 1: topics must name at least one.",
        "feed 1: format must be avro-confluent, avro-single-object, avro-container, avro-bare, json or detect.",
        "feed 1: scheme_file is not a key of a feed (did you mean schema_file?).",
        "feed 2: schema_file is required when format is avro-bare: the schema that all its values have.",
        "feed 3: schema_file is for avro-bare only: other formats say which schema they have.",
        "feed 4: topics has a name no topic can have: 'c d'.",
        "feed 4: nonsense is not a key of a feed.",
        "topic e is named twice.",
    ]
    assert any(each.startswith("FLUSH_ROWS") for each in found)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("feed = 3", "feed must be written as [[feed]] tables."),
        ("", "there is no [[feed]] table."),
        (
            '[[feed]]\ntopics = ["a"]\nformat = "avro-bare"\nschema_file = "no.avsc"',
            "no.avsc is not a file.",
        ),
        ("[[feed]", "is not TOML:"),
    ],
)
def test_a_feeds_file_that_says_nothing_is_a_problem(
    feeds: Path, content: str, problem: str
) -> None:
    feeds.write_text(content)

    (found,) = problems_with({"EVENT_FEEDS_FILE": str(feeds)})

    assert problem in found


def test_a_feeds_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (found,) = problems_with({"EVENT_FEEDS_FILE": str(tmp_path / "no.toml")})

    assert "cannot be read: No such file or directory." in found


def test_a_feed_of_a_topic_that_is_not_read_is_a_slip(feeds: Path) -> None:
    feeds.write_text(TWO_FEEDS)

    assert problems_with({"KAFKA_TOPICS": "events,bare", "EVENT_FEEDS_FILE": str(feeds)}) == [
        "EVENT_FEEDS_FILE names topics that are not in KAFKA_TOPICS: files, more_files."
    ]


def test_bare_avro_needs_its_schema_and_no_other_format_takes_one(feeds: Path) -> None:
    schema = str(feeds.parent / "event.avsc")

    assert problems_with({"EVENT_FORMAT": "avro-bare"}) == [
        "EVENT_SCHEMA_FILE is required when EVENT_FORMAT is avro-bare: its values name no schema."
    ]
    (found,) = problems_with({"EVENT_FORMAT": "json", "EVENT_SCHEMA_FILE": schema})
    assert found.startswith("EVENT_SCHEMA_FILE is for EVENT_FORMAT avro-bare only")
    load_settings({**COMPLETE, "EVENT_FORMAT": "avro-bare", "EVENT_SCHEMA_FILE": schema})


@pytest.mark.parametrize("in_feed", [False, True])
def test_formats_that_name_schemas_as_a_registry_does_need_one(feeds: Path, in_feed: bool) -> None:
    feeds.write_text('[[feed]]\ntopics = ["events"]\nformat = "detect"\n')
    setting = {"EVENT_FORMAT": "json", "EVENT_FEEDS_FILE": str(feeds)}

    (found,) = problems_with(
        setting if in_feed else {"EVENT_FORMAT": "detect"}, without=("SCHEMA_REGISTRY_URL",)
    )

    assert found.startswith("SCHEMA_REGISTRY_URL is required for avro-confluent and detect")


def test_formats_that_need_no_registry_start_without_one(feeds: Path) -> None:
    feeds.write_text('[[feed]]\ntopics = ["events"]\nformat = "avro-container"\n')
    environ = {**COMPLETE, "EVENT_FORMAT": "json", "EVENT_FEEDS_FILE": str(feeds)}
    del environ["SCHEMA_REGISTRY_URL"]

    try:
        load_settings(environ)
    except SettingsError as error:
        pytest.fail(str(error))
