"""The dashboards: as their code says, by every rule of Grafana's dashboard-linter, and by some of ours."""

import itertools
import re
from typing import Any

import promql_parser
import pytest

from helm.dashboards.files import files
from tests.monitoring.boards import (
    BOARDS,
    Board,
    all_expressions,
    boards,
    panels,
    targets,
    with_values,
)
from tests.monitoring.promql import (
    PROCESS_METRICS,
    SCRAPE_METRICS,
    matchers,
    names,
    nodes,
    registered_metrics,
    selectors,
)

COUNTER_FUNCTIONS = {"rate", "irate", "increase"}
# The newest schema that all of Grafana 11 and 12 read; raise it on purpose only.
SCHEMA_VERSION = 41
# Units of Grafana's own list, which ignores a unit it does not know.
GRAFANA_UNITS = {"short", "s", "bytes", "ops"}
COLUMNS = 24

every_board = pytest.mark.parametrize("board", boards().values(), ids=boards().keys())


def test_the_files_are_as_the_code_says() -> None:
    written = {path.name: path.read_text() for path in BOARDS.glob("*.json")}

    assert written == files(), "run: make dashboards"


def test_every_metric_of_the_service_is_on_a_board() -> None:
    shown = {
        name
        for board in boards().values()
        for expression in all_expressions(board)
        for name in names(with_values(expression))
    }
    # Of a histogram the buckets are shown, or its count.
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    ours = registered_metrics() - PROCESS_METRICS - SCRAPE_METRICS

    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in ours} - families == set()


@every_board
def test_a_board_is_found_again_after_an_import(board: Board) -> None:
    assert re.fullmatch(r"[a-z-]{1,40}", board["uid"])
    assert board["id"] is None
    assert board["editable"] is False
    assert board["schemaVersion"] == SCHEMA_VERSION


def test_no_two_boards_share_a_uid_or_a_title() -> None:
    uids = [board["uid"] for board in boards().values()]
    titles = [board["title"] for board in boards().values()]

    assert len(set(uids)) == len(set(titles)) == len(boards())


@every_board
def test_a_board_asks_for_one_data_source_and_names_none(board: Board) -> None:
    variables = board["templating"]["list"]
    sources = [variable for variable in variables if variable["type"] == "datasource"]
    uids = {source["uid"] for source in _everything(board, "datasource")}

    assert [(each["name"], each["label"]) for each in sources] == [("datasource", "Data source")]
    assert uids == {"${datasource}", "$datasource"}


@every_board
def test_the_replicas_to_look_at_can_be_chosen(board: Board) -> None:
    queries = {
        variable["name"]: variable
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    }

    for name in ("job", "instance"):
        variable = queries[name]
        assert (variable["multi"], variable["allValue"]) == (True, ".+")
        assert variable["datasource"]["uid"] == "$datasource"
    assert {variable["refresh"] for variable in queries.values()} == {2}


@every_board
def test_every_panel_says_what_it_shows(board: Board) -> None:
    for panel in panels(board):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in GRAFANA_UNITS
        assert panel["targets"]
        assert panel["datasource"]["uid"] == "${datasource}"


@every_board
def test_no_two_panels_of_a_board_share_a_title_an_id_or_a_place(board: Board) -> None:
    titles = [panel["title"] for panel in panels(board)]
    ids = [panel["id"] for panel in board["panels"]]
    places = [panel["gridPos"] for panel in board["panels"]]

    assert len(set(titles)) == len(titles)
    assert len(set(ids)) == len(ids)
    assert all(place["x"] + place["w"] <= COLUMNS for place in places)
    assert not any(_overlap(one, other) for one, other in itertools.combinations(places, 2))


@every_board
def test_every_expression_is_promql_over_metrics_the_service_has(board: Board) -> None:
    for expression in all_expressions(board):
        assert names(with_values(expression)) <= registered_metrics(), expression


@every_board
def test_every_selector_keeps_to_the_chosen_replicas(board: Board) -> None:
    for expression in all_expressions(board):
        for selector in selectors(_with_windows(expression)):
            chosen = matchers(selector)
            assert (chosen.get("job"), chosen.get("instance")) == ("$job", "$instance"), expression


@every_board
def test_a_rate_follows_the_scrape_interval(board: Board) -> None:
    for expression in all_expressions(board):
        windows = re.findall(r"\b(?:rate|irate|increase)\([^\[]*\[([^\]]*)\]", expression)
        assert set(windows) <= {"$__rate_interval"}, expression


@every_board
def test_a_counter_is_only_seen_through_its_rate(board: Board) -> None:
    for expression in all_expressions(board):
        for node, above in nodes(promql_parser.parse(_with_windows(expression))):
            if isinstance(node, promql_parser.VectorSelector) and (node.name or "").endswith(
                "_total"
            ):
                function = above[1].func.name if len(above) > 1 else None
                assert function in COUNTER_FUNCTIONS, expression


@every_board
def test_legends_name_labels_that_the_query_keeps(board: Board) -> None:
    for target in targets(board):
        kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", target.expression))))
        assert set(re.findall(r"{{(\w+)}}", target.legend)) <= kept, target


@every_board
def test_a_board_leads_to_the_other_boards_and_to_the_runbook(board: Board) -> None:
    links = {link["type"]: link for link in board["links"]}

    assert links["dashboards"]["tags"] == board["tags"] == ["segment-liveintent"]
    assert links["link"]["url"] == "docs/operations.md"


def _with_windows(expression: str) -> str:
    return expression.replace("$__rate_interval", "5m").replace("$__interval", "1m")


def _everything(node: object, key: str) -> list[Any]:
    """Every value of this key, however deep, that is an object."""
    if isinstance(node, list):
        return [found for each in node for found in _everything(each, key)]
    if not isinstance(node, dict):
        return []
    own = [node[key]] if isinstance(node.get(key), dict) else []
    return own + [found for each in node.values() for found in _everything(each, key)]


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )
