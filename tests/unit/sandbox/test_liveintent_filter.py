from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.sandbox.liveintent_audiences import AUDIENCE_STATUSES, Audience
from consumer.sandbox.liveintent_filter import (
    InvalidFilter,
    has_name_node,
    names_in_filter,
    read_filter,
)


def equals(value: object) -> dict[str, object]:
    return {"value": {"eq": {"value": value}}}


def an_audience(
    *,
    name: str = "vip",
    account_id: int = 7001,
    status: str = "Active",
    metadata: Mapping[str, object] | None = None,
) -> Audience:
    return Audience(
        id=1,
        name=name,
        account_id=account_id,
        data_provider_id=84,
        status=status,
        created_at=0.0,
        updated_at=0.0,
        searchable_at=0.0,
        metadata=metadata or {},
    )


MATCHING: list[dict[str, object]] = [
    {"nameMatches": equals("vip")},
    {"accountIdMatches": equals(7001)},
    {"dataProviderIdMatches": equals(84)},
    {"status": {"value": "Active"}},
    {"not": {"value": {"nameMatches": equals("VIP")}}},
    {"and": {"values": []}},
    {"or": {"values": [{"nameMatches": equals("x")}, {"nameMatches": equals("vip")}]}},
]
OTHER: list[dict[str, object]] = [
    {"nameMatches": equals("Vip")},
    {"nameMatches": equals(7001)},
    {"accountIdMatches": equals(7002)},
    {"dataProviderIdMatches": equals(101)},
    {"ruleIdMatches": equals(1)},
    {"status": {"value": "Deleted"}},
    {"or": {"values": []}},
    {"and": {"values": [{"nameMatches": equals("vip")}, {"accountIdMatches": equals(1)}]}},
]


def test_no_filter_matches_every_audience() -> None:
    assert read_filter(None)(an_audience())


@pytest.mark.parametrize("node", MATCHING)
def test_a_filter_matches_the_audience_it_describes(node: object) -> None:
    assert read_filter(node)(an_audience())


@pytest.mark.parametrize("node", OTHER)
def test_a_filter_does_not_match_another_audience(node: object) -> None:
    assert not read_filter(node)(an_audience())


def test_metadata_is_matched_by_its_key() -> None:
    node = {"hasMetadata": {"value": {"nameMatches": equals("seg")}}}

    assert read_filter(node)(an_audience(metadata={"seg": {}}))
    assert not read_filter(node)(an_audience(metadata={"other": {}}))


@pytest.mark.parametrize(
    "node",
    [
        [],
        "vip",
        {},
        {"nameMatches": equals("a"), "status": {"value": "Active"}},
        {"nameContains": equals("a")},
        {"nameMatches": {}},
        {"nameMatches": {"value": {"like": {"value": "a"}}}},
        {"nameMatches": {"value": {"eq": {}}}},
        {"nameMatches": equals(None)},
        {"nameMatches": equals(value=True)},
        {"accountIdMatches": equals("7001")},
        {"accountIdMatches": equals(value=True)},
        {"ruleIdMatches": equals("1")},
        {"status": {"value": "Activate"}},
        {"hasMetadata": {"value": {"dataMatches": equals("a")}}},
        {"and": {"values": {}}},
        {"and": {"values": [None]}},
        {"or": {"value": []}},
        {"not": {"value": None}},
        {"not": {"values": []}},
    ],
)
def test_a_tree_the_contract_does_not_allow_is_refused(node: object) -> None:
    with pytest.raises(InvalidFilter):
        read_filter(node)


def test_names_are_found_anywhere_in_a_tree() -> None:
    names = {"nameMatches": equals("a")}
    tree = {"and": {"values": [{"not": {"value": names}}, {"nameMatches": equals("b")}]}}

    assert names_in_filter(tree) == {"a", "b"}
    assert names_in_filter(None) == frozenset()
    assert names_in_filter({"nameMatches": equals(1)}) == frozenset()


def test_a_name_node_is_seen_anywhere_in_a_tree() -> None:
    assert has_name_node({"or": {"values": [{"not": {"value": {"nameMatches": {}}}}]}})
    assert not has_name_node({"and": {"values": [{"status": {"value": "Active"}}]}})
    assert not has_name_node(None)


leaves = st.one_of(
    st.sampled_from(["vip", "other"]).map(lambda name: {"nameMatches": equals(name)}),
    st.sampled_from([7001, 7002]).map(lambda account: {"accountIdMatches": equals(account)}),
    st.sampled_from(AUDIENCE_STATUSES).map(lambda status: {"status": {"value": status}}),
)
trees = st.recursive(
    leaves,
    lambda children: st.one_of(
        children.map(lambda value: {"not": {"value": value}}),
        st.lists(children).map(lambda values: {"and": {"values": values}}),
        st.lists(children).map(lambda values: {"or": {"values": values}}),
    ),
    max_leaves=8,
)
audiences = st.builds(
    lambda name, account_id, status: an_audience(name=name, account_id=account_id, status=status),
    st.sampled_from(["vip", "other"]),
    st.sampled_from([7001, 7002]),
    st.sampled_from(AUDIENCE_STATUSES),
)


@given(st.lists(trees), audiences)
def test_not_any_is_the_same_as_all_not(values: list[Any], audience: Audience) -> None:
    not_any = {"not": {"value": {"or": {"values": values}}}}
    all_not = {"and": {"values": [{"not": {"value": value}} for value in values]}}

    assert read_filter(not_any)(audience) == read_filter(all_not)(audience)
