from pathlib import Path

import pytest

from consumer.choices import DirectCallSink
from consumer.errors import SettingsError
from consumer.segment.event_map.reading import (
    DEFAULT_EVENT_MAP,
    event_map_names,
    load_event_map,
    parse_event_map,
)


def problems(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_event_map(text, "mine.toml")
    return [each.removeprefix("the event map mine.toml: ") for each in caught.value.problems]


def test_the_default_map_is_one_of_those_that_come_with_the_program() -> None:
    assert DEFAULT_EVENT_MAP in event_map_names()


@pytest.mark.parametrize("name", event_map_names())
def test_every_map_that_comes_with_the_program_can_be_used(name: str) -> None:
    event_map = load_event_map(name)

    assert event_map.description
    assert event_map.track


def test_a_map_can_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text('[page]\nevent = "pageView"\n', "utf-8")

    event_map = load_event_map(str(file))

    assert event_map.page is not None
    assert event_map.page.event == "pageView"
    assert event_map.screen is None


def test_a_name_that_is_neither_file_nor_map_is_refused() -> None:
    with pytest.raises(SettingsError, match="neither the path of a TOML file nor an event map"):
        load_event_map("segment-ecomerce")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"description = '\xfc'")

    with pytest.raises(SettingsError, match=r"nowhere\.toml cannot be read: No such file"):
        load_event_map(str(tmp_path / "nowhere.toml"))
    with pytest.raises(SettingsError, match="it is not UTF-8"):
        load_event_map(str(tmp_path / "latin.toml"))


def test_text_that_is_no_toml_is_refused() -> None:
    (problem,) = problems("[page\n")

    assert "is not TOML" in problem


def test_only_a_map_of_the_program_can_be_extended() -> None:
    (problem,) = problems('extends = "other.toml"')

    assert problem == "extends must be one of segment-ecommerce, not 'other.toml'."


def test_a_map_that_extends_another_says_only_what_differs() -> None:
    event_map = parse_event_map(
        """
        extends = "segment-ecommerce"
        [track."Cart Viewed"]
        send = false
        [track."Product Viewed"]
        event = "viewContent"
        [track."Coupon Applied"]
        event = "coupon"
        [items]
        id = "item.sku"
        [unlisted]
        policy = "camel-case"
        """,
        "mine.toml",
    )

    assert not event_map.track["Cart Viewed"].send
    assert event_map.track["Product Viewed"].event == "viewContent"
    assert event_map.track["Product Viewed"].items == (("properties",),)
    assert event_map.track["Coupon Applied"].event == "coupon"
    assert event_map.track["Order Completed"].event == "conversion"
    assert event_map.items["id"].paths == (("item", "sku"),)
    assert "price" in event_map.items
    assert event_map.unlisted.policy == "camel-case"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    assert problems(
        """
        descripton = "mine"
        [page]
        evnt = "pageView"
        [screen]
        event = 5
        [track."Signed Up"]
        event = "setEmail"
        sinks = []
        [track."Signed Up".fields]
        Email = "traits.email"
        plan = { from = "traits.plan", constant = "free" }
        trial = { form = "traits.trial" }
        [track."Signed Out"]
        sink = "collector"
        [unlisted]
        policy = "send"
        """
    ) == [
        "page.evnt is nothing an event map has; did you mean event?",
        "screen.event must be text, not 5.",
        "track.Signed Up.event is no name of an event that LiveIntent takes: 'setEmail' (printable, at most 64 characters, and "
        "none of setEmail, setEmailHash, setHashedEmail).",
        "track.Signed Up.fields.Email has a field that this program fills in itself: Email.",
        "track.Signed Up.fields.plan must have either from or constant.",
        "track.Signed Up.fields.trial.form is nothing an event map has; did you mean from?",
        "track.Signed Up.sinks must name at least one, not [].",
        "track.Signed Out.sink is nothing an event map has; did you mean sinks?",
        "unlisted.policy must be drop or camel-case, not 'send'.",
        "descripton is nothing an event map has; did you mean description?",
    ]


@pytest.mark.parametrize("name", ["setEmail", "SETEMAILHASH", "setHashedEmail"])
def test_what_liveintents_library_never_sends_cannot_be_an_event(name: str) -> None:
    (problem,) = problems(f'[page]\nevent = "{name}"')

    assert problem.startswith("page.event is no name of an event that LiveIntent takes")


@pytest.mark.parametrize("name", ["", " pageView", "a\tb", "x" * 65, "ada@example.com"])
def test_an_event_has_a_usable_name(name: str) -> None:
    (problem,) = problems(f"[page]\nevent = '{name}'")

    assert problem.startswith("page.event is no name of an event that LiveIntent takes")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('fields = { "" = "name" }', "page.fields. has a field without a usable name."),
        ('fields = { name = "title" }', "page.fields.name.from begins a path with 'title'"),
        ('fields = { name = "name.first" }', "page.fields.name.from begins a path with 'name'"),
        ('fields = { name = "item.id" }', "page has a path that begins with item outside of"),
        ('items = "item"', "page has a path that begins with item outside of [items]"),
        ('items = "properties."', "page.items is no path"),
        ('items = "properties"\nfields = { items = "name" }', "page has items twice"),
        ('sinks = ["conversions"]', "page must not send to conversions what is not the event"),
        ('sinks = ["collektor"]', "page.sinks must be collector or conversions"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_in_a_sentence(row: str, problem: str) -> None:
    found, *others = problems(f"[page]\n{row}")

    assert found.startswith(problem)
    assert not others


def test_a_conversion_may_go_to_both_sinks_the_better_one_first() -> None:
    sinks = load_event_map(DEFAULT_EVENT_MAP).track["Order Completed"].sinks

    assert sinks == (DirectCallSink.CONVERSIONS, DirectCallSink.COLLECTOR)


def test_what_is_nested_without_end_says_so() -> None:
    with pytest.raises(SettingsError, match=r"the event map mine.toml is nested too deeply"):
        parse_event_map("event = " + "[" * 100_000, "mine.toml")
