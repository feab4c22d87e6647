"""`check` over stand-ins: what it finds when all is well, when something is not, and that it leaves no trace."""

import asyncio
import json
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

import pytest
import structlog
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from typer.testing import CliRunner

from consumer.cli import check as check_module
from consumer.cli.app import app
from consumer.cli.checks.everything import findings, liveintent_findings
from consumer.cli.checks.findings import Check, Finding, Result
from consumer.cli.checks.kafka import kafka_findings
from consumer.errors import CheckFailed
from consumer.kafka.connection import KafkaConnection, consumer_properties
from consumer.kafka.first_start import PartitionStarts
from consumer.kafka.inspection import KafkaInspection, TopicRules
from consumer.kafka.offset_ledger import PartitionId
from consumer.liveintent.audiences_api import AudiencesApi
from consumer.liveintent.exchange import Decided
from consumer.liveintent.policies import Account
from consumer.liveintent.shapes import AudienceRow, CursorPage, OffsetPage
from consumer.liveintent.upload_outcome import Success
from consumer.sandbox.embedded_kafka import EmbeddedKafka
from consumer.sandbox.faults import Fault, FaultKind
from consumer.sandbox.liveintent_server import LiveIntentSandbox, SandboxOptions
from consumer.sandbox.schema_registry import SchemaRegistrySandbox
from consumer.settings import KafkaSettings, load_part, load_settings
from tests.kafka_cluster import KafkaCluster
from tests.kafka_cluster.topics import unique_name
from tests.scenarios.withdrawals import privacy_settings

VIP = "vip_customers"
CARTS = "cart_abandoners"
TOPIC, DEAD_LETTER_TOPIC, PARTITIONS = "segment-events", "dead-letters", 6
TOKEN = "invented-api-key"
SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class World:
    """Kafka, a registry and LiveIntent, where one of the two audiences exists, and the settings that fit them."""

    liveintent: LiveIntentSandbox
    registry: SchemaRegistrySandbox
    group: str
    environ: dict[str, str]


@pytest.fixture(scope="module")
def kafka() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka() as kafka:
        kafka.create_topic(TOPIC, partitions=PARTITIONS)
        kafka.create_topic(DEAD_LETTER_TOPIC, partitions=1)
        yield kafka


@pytest.fixture
async def world(kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    # librdkafka's mock cluster never answers what is asked about rights, which would take each test all its seconds.
    monkeypatch.setattr(KafkaInspection, "rules", no_rules)
    liveintent, group = LiveIntentSandbox(SandboxOptions(token=TOKEN)), unique_name("group")
    liveintent.add_audience(VIP)
    async with SchemaRegistrySandbox() as registry, liveintent as liveintent_url:
        environ = {
            "LIVEINTENT_URL": liveintent_url,
            "LIVEINTENT_API_KEY": TOKEN,
            "LIVEINTENT_ACCOUNT_ID": str(liveintent.options.account_id),
            "LIVEINTENT_DATA_PROVIDER_ID": str(liveintent.options.data_provider_id),
            "LIVEINTENT_AUDIENCES": f"{VIP},{CARTS}",
            "LIVEINTENT_REQUESTS_PER_SECOND": "500",
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "KAFKA_TOPICS": TOPIC,
            "KAFKA_GROUP_ID": group,
            "KAFKA_DEAD_LETTER_TOPIC": DEAD_LETTER_TOPIC,
            "KAFKA_FIRST_START": "earliest",
            "SCHEMA_REGISTRY_URL": registry.url,
        }
        yield World(liveintent, registry, group, environ)


def no_rules(_self: KafkaInspection, topics: Iterable[str]) -> dict[str, TopicRules]:
    return {topic: TopicRules() for topic in topics}


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    """The command sends the process's logs to a stream that the test runner closes."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def looked_at(world: World, **environ: str) -> list[Finding]:
    """Every finding with --live, none of which holds a secret."""
    settings = load_settings({**world.environ, **environ})
    found = [each async for each in findings(settings, seconds=SECONDS, live=True)]
    for secret in (TOKEN, "signature", "http://"):
        assert secret not in repr(found)
    return found


def all_of(check: Check, found: list[Finding]) -> list[Finding]:
    return [each for each in found if each.check is check]


def the(check: Check, found: list[Finding]) -> Finding:
    (finding,) = all_of(check, found)
    return finding


def failures(found: list[Finding]) -> list[Finding]:
    return [each for each in found if each.result is Result.FAILED]


def a_port_where_nobody_listens() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def test_when_all_is_well_every_check_is_ok(world: World) -> None:
    found = await looked_at(world, **privacy_settings(world.liveintent))

    assert {each.result for each in found} == {Result.OK}
    assert {each.check for each in found} == set(Check) - {Check.SCHEMAS, Check.DIRECT_CALLS}
    assert the(Check.TOPIC, found).detail.startswith(f"{PARTITIONS} partitions")
    assert [each.detail for each in all_of(Check.AUDIENCE, found)] == [
        "is there, with id 900001",
        "is not there yet, and will be created",
    ]
    assert [each.subject for each in all_of(Check.UPLOAD, found)] == [
        f"{action} {kind}"
        for action in ("ADD", "REMOVE")
        for kind in ("EMAIL_HASH", "AAID", "IDFA")
    ]


async def test_a_look_leaves_no_trace(world: World) -> None:
    await looked_at(world)

    committed, topics = await asyncio.to_thread(offsets_and_topics, world)
    assert {each.offset for each in committed} == {-1001}
    assert topics == {TOPIC, DEAD_LETTER_TOPIC}
    assert [each.name for each in world.liveintent.audiences()] == [VIP]
    assert world.liveintent.uploads() == []
    assert world.liveintent.breaches == []
    operations = {operation for operation, _ in world.liveintent.requests}
    assert operations == {"search", "mint"}


def offsets_and_topics(world: World) -> tuple[list[TopicPartition], set[str]]:
    consumer = Consumer(
        {"bootstrap.servers": world.environ["KAFKA_BOOTSTRAP_SERVERS"], "group.id": world.group}
    )
    try:
        partitions = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
        return consumer.committed(partitions, timeout=5), set(
            consumer.list_topics(timeout=5).topics
        )
    finally:
        consumer.close()


async def test_without_live_no_url_is_asked_for(world: World) -> None:
    settings = load_settings(world.environ)

    found = [each async for each in findings(settings, seconds=SECONDS, live=False)]

    assert all_of(Check.UPLOAD, found) == []
    assert all_of(Check.LOOKUP, found) == []
    assert {operation for operation, _ in world.liveintent.requests} == {"search"}


async def test_brokers_nobody_listens_at_fail_at_once_and_the_rest_is_still_checked(
    world: World,
) -> None:
    port = a_port_where_nobody_listens()

    found = await looked_at(world, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{port}")

    (failure,) = failures(found)
    assert failure.check is Check.KAFKA
    assert "Connection refused" in failure.detail
    assert "KAFKA_BOOTSTRAP_SERVERS" in (failure.advice or "")
    assert the(Check.SCHEMA_REGISTRY, found).result is Result.OK
    assert the(Check.LIVEINTENT, found).result is Result.OK


async def test_a_property_librdkafka_does_not_know_fails_kafka(world: World) -> None:
    found = await looked_at(world, KAFKA_PROPERTIES='{"sasl.pasword": "hush"}')

    (failure,) = failures(found)
    assert failure.detail == 'No such configuration property: "sasl.pasword"'


async def test_missing_topics_are_named_and_not_created(world: World) -> None:
    found = await looked_at(
        world, KAFKA_TOPICS=f"{TOPIC},misspelt", KAFKA_DEAD_LETTER_TOPIC="no-dead-letters"
    )

    assert [(each.check, each.subject) for each in failures(found)] == [
        (Check.TOPIC, "misspelt"),
        (Check.DEAD_LETTER_TOPIC, "no-dead-letters"),
    ]
    assert await asyncio.to_thread(offsets_and_topics, world) == (
        [TopicPartition(TOPIC, number, -1001) for number in range(PARTITIONS)],
        {TOPIC, DEAD_LETTER_TOPIC},
    )


def test_brokers_that_never_tell_of_rights_are_said_not_to(kafka: EmbeddedKafka) -> None:
    found = list(kafka_findings(kafka_settings(kafka.bootstrap_servers), seconds=1.0))

    assert the(Check.TOPIC, found).detail == (
        "6 partitions; the brokers do not tell whether we may read it"
    )
    assert the(Check.DEAD_LETTER_TOPIC, found).result is Result.OK


def kafka_settings(bootstrap_servers: str, **more: str) -> KafkaSettings:
    return load_part(
        KafkaSettings,
        {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "KAFKA_TOPICS": TOPIC,
            "KAFKA_GROUP_ID": unique_name("group"),
            "KAFKA_DEAD_LETTER_TOPIC": DEAD_LETTER_TOPIC,
            "KAFKA_FIRST_START": "earliest",
            **more,
        },
    )


async def test_no_offsets_and_no_first_start_fail_in_the_words_of_the_service(
    world: World,
) -> None:
    found = await looked_at(world, KAFKA_FIRST_START="")

    (failure,) = failures(found)
    assert failure.check is Check.START
    assert failure.detail == await asyncio.to_thread(words_of_the_service, world)
    assert "KAFKA_FIRST_START" in failure.detail


def words_of_the_service(world: World) -> str:
    connection = KafkaConnection(world.environ["KAFKA_BOOTSTRAP_SERVERS"], world.group)
    consumer = Consumer(consumer_properties(connection))
    starts = PartitionStarts(group_id=world.group, first_start=None, now=time.monotonic)
    starts.look_for(PartitionId(TOPIC, 0))
    try:
        starts.found(consumer, owns=lambda _: True)
    except Exception as error:  # noqa: BLE001 - the words count
        return str(error)
    finally:
        consumer.close()
    return "it found a start"


async def test_committed_offsets_are_where_the_group_goes_on(world: World) -> None:
    await asyncio.to_thread(commit_the_beginning, world, PARTITIONS - 1)

    found = await looked_at(world, KAFKA_FIRST_START="")

    assert the(Check.START, found).detail == (
        f"group {world.group} goes on at its committed offsets; 1 new partition will be read from the beginning"
    )


def commit_the_beginning(world: World, partitions: int) -> None:
    consumer = Consumer(
        {"bootstrap.servers": world.environ["KAFKA_BOOTSTRAP_SERVERS"], "group.id": world.group}
    )
    offsets = [TopicPartition(TOPIC, number, 0) for number in range(partitions)]
    try:
        consumer.commit(offsets=offsets, asynchronous=False)
    finally:
        consumer.close()


async def test_a_refused_key_is_asked_about_once_and_the_audiences_are_left_alone(
    world: World,
) -> None:
    found = await looked_at(world, LIVEINTENT_API_KEY="another-key")

    (failure,) = failures(found)
    assert failure.check is Check.LIVEINTENT
    assert "401" in failure.detail
    assert "LIVEINTENT_API_KEY_FILE" in (failure.advice or "")
    assert "another-key" not in repr(found)
    assert the(Check.AUDIENCE, found).result is Result.WARNING
    assert the(Check.UPLOAD, found).result is Result.WARNING
    assert world.liveintent.requests.total() == 1


async def test_an_outage_is_seen_in_one_request(world: World) -> None:
    world.liveintent.faults.add(Fault(kind=FaultKind.STATUS, status=503, retry_after=600))

    found = await looked_at(world)

    (failure,) = failures(found)
    assert failure.check is Check.LIVEINTENT
    assert "503" in failure.detail
    assert world.liveintent.requests.total() == 1


async def test_a_silent_liveintent_is_not_waited_for_beyond_the_timeout(world: World) -> None:
    world.liveintent.faults.add(Fault(kind=FaultKind.DELAY_SECONDS, delay_seconds=30.0))
    settings = load_settings(world.environ)

    async with asyncio.timeout(10):
        found = [each async for each in liveintent_findings(settings, seconds=0.2, live=False)]

    assert the(Check.LIVEINTENT, found).detail == "no answer in time"


async def test_after_a_failure_at_one_audience_the_others_are_left_alone(world: World) -> None:
    world.liveintent.faults.add(Fault(kind=FaultKind.STATUS, status=503, audience=VIP))

    found = await looked_at(world, LIVEINTENT_AUDIENCES=f"{CARTS},{VIP},third,fourth")

    assert [(each.subject, each.result) for each in all_of(Check.AUDIENCE, found)] == [
        (CARTS, Result.OK),
        (VIP, Result.FAILED),
        (None, Result.WARNING),
    ]
    assert all_of(Check.AUDIENCE, found)[-1].detail.startswith("2 more not looked at")


async def test_an_archived_audience_fails_unless_it_is_to_be_activated(world: World) -> None:
    world.liveintent.add_audience("old_ones", status="Archived")

    failing = await looked_at(world, LIVEINTENT_AUDIENCES="old_ones")
    allowed = await looked_at(
        world, LIVEINTENT_AUDIENCES="old_ones", LIVEINTENT_ON_ARCHIVED="activate"
    )

    assert "LIVEINTENT_ON_ARCHIVED=activate" in (the(Check.AUDIENCE, failing).advice or "")
    assert [each.subject for each in failures(failing)] == ["old_ones"]
    assert failures(allowed) == []


async def test_several_audiences_of_one_name_are_warned_of(world: World) -> None:
    world.liveintent.add_audience(VIP)

    found = await looked_at(world, LIVEINTENT_AUDIENCES=VIP)

    finding = the(Check.AUDIENCE, found)
    assert finding.result is Result.WARNING
    assert "900001, the earliest created, is used, not 900002" in finding.detail


async def test_the_prefix_is_part_of_the_name_that_is_looked_for(world: World) -> None:
    world.liveintent.add_audience(f"seg_{CARTS}")

    found = await looked_at(
        world, LIVEINTENT_AUDIENCES=CARTS, LIVEINTENT_AUDIENCE_NAME_PREFIX="seg_"
    )

    assert the(Check.AUDIENCE, found).subject == f"seg_{CARTS}"
    assert the(Check.AUDIENCE, found).detail == "is there, with id 900002"


@pytest.mark.parametrize(("audiences", "result"), [("", Result.WARNING), ("*", Result.OK)])
async def test_without_named_audiences_one_line_says_what_is_served(
    audiences: str, result: Result, world: World
) -> None:
    found = await looked_at(world, LIVEINTENT_AUDIENCES=audiences)

    assert the(Check.AUDIENCE, found).result is result
    assert the(Check.UPLOAD, found).result is Result.WARNING
    assert the(Check.UPLOAD, found).detail.startswith("could not be tried")


@pytest.mark.parametrize("lookup", ["search_v2", "search_v1", "list"])
async def test_every_way_of_looking_for_audiences_is_tried_as_it_is_set(
    lookup: str, world: World
) -> None:
    settings = load_settings(world.environ | {"LIVEINTENT_AUDIENCE_LOOKUP": lookup})

    found = [each async for each in liveintent_findings(settings, seconds=SECONDS, live=False)]

    assert failures(found) == []
    operation = "list" if lookup == "list" else "search"
    assert {asked for asked, _ in world.liveintent.requests} == {operation}


async def test_a_search_that_is_refused_is_warned_of_while_the_list_works(
    world: World,
) -> None:
    world.liveintent.faults.add(Fault(operation="search", kind=FaultKind.STATUS, status=400))

    found = await looked_at(world)

    finding = the(Check.LIVEINTENT, found)
    assert finding.result is Result.WARNING
    assert "LIVEINTENT_AUDIENCE_LOOKUP=list" in (finding.advice or "")
    assert [each.result for each in all_of(Check.AUDIENCE, found)] == [Result.OK, Result.OK]


@pytest.mark.parametrize("lookup", ["search_v2", "list"])
async def test_when_every_way_of_looking_is_refused_liveintent_fails(
    lookup: str, world: World
) -> None:
    world.liveintent.faults.add(Fault(kind=FaultKind.STATUS, status=400))

    found = await looked_at(world, LIVEINTENT_AUDIENCE_LOOKUP=lookup)

    (failure,) = failures(found)
    assert failure.check is Check.LIVEINTENT
    assert "LIVEINTENT_ACCOUNT_ID" in (failure.advice or "")


async def test_audiences_that_cannot_be_listed_fail_one_by_one(world: World) -> None:
    # The look itself names no audience, so it succeeds; what follows is refused.
    for audience in (VIP, CARTS):
        world.liveintent.faults.add(
            Fault(operation="search", kind=FaultKind.STATUS, status=400, audience=audience)
        )
    world.liveintent.faults.add(
        Fault(operation="search", kind=FaultKind.DELAY_SECONDS, delay_seconds=0, times=1)
    )
    world.liveintent.faults.add(Fault(operation="search", kind=FaultKind.STATUS, status=400))
    world.liveintent.faults.add(Fault(operation="list", kind=FaultKind.STATUS, status=400))

    found = await looked_at(world)

    assert [(each.subject, each.result) for each in all_of(Check.AUDIENCE, found)] == [
        (VIP, Result.FAILED),
        (CARTS, Result.FAILED),
    ]


@pytest.mark.parametrize(
    ("environ", "setting"),
    [
        ({"LIVEINTENT_ACTION_ADD": "add"}, "LIVEINTENT_ACTION_ADD=ADD"),
        ({"LIVEINTENT_ACTION_REMOVE": "remove"}, "LIVEINTENT_ACTION_REMOVE=REMOVE"),
    ],
)
async def test_a_refused_action_names_the_setting_and_the_word_that_is_accepted(
    environ: dict[str, str], setting: str, world: World
) -> None:
    found = await looked_at(world, **environ)

    refused = failures(found)
    assert [each.check for each in refused] == [Check.UPLOAD] * 3
    assert {each.advice for each in refused} == {f"Set {setting}: that is accepted."}
    assert [each.result for each in all_of(Check.UPLOAD, found)].count(Result.OK) == 3
    assert world.liveintent.uploads() == []


async def test_an_action_refused_in_either_case_is_a_question_for_liveintent(
    world: World,
) -> None:
    found = await looked_at(world, LIVEINTENT_ACTION_REMOVE="DELETE")

    (advice,) = {each.advice or "" for each in failures(found)}
    assert "LIVEINTENT_ACTION_REMOVE" in advice
    assert "delete is refused as well" in advice


async def test_one_refused_identifier_type_is_not_blamed_on_the_action(world: World) -> None:
    world.liveintent.faults.add(Fault(operation="mint", kind=FaultKind.STATUS, status=400, times=1))

    found = await looked_at(world)

    (failure,) = failures(found)
    assert failure.subject == "ADD EMAIL_HASH"
    assert "Identifiers of this type" in (failure.advice or "")
    assert "LIVEINTENT_IDENTIFIER_TYPES=AAID,IDFA" in (failure.advice or "")


async def test_a_type_that_is_left_out_may_be_refused(world: World) -> None:
    world.liveintent.faults.add(Fault(operation="mint", kind=FaultKind.STATUS, status=400, times=1))

    found = await looked_at(world, LIVEINTENT_IDENTIFIER_TYPES="AAID,IDFA")

    assert failures(found) == []
    told = [each.detail for each in all_of(Check.UPLOAD, found) if "leaves it out" in each.detail]
    assert told == [
        f"{word}; not sent, as LIVEINTENT_IDENTIFIER_TYPES leaves it out"
        for word in ("refused", "accepted")
    ]


async def test_an_outage_while_urls_are_asked_for_ends_the_trying(world: World) -> None:
    world.liveintent.faults.add(Fault(operation="mint", kind=FaultKind.STATUS, status=503))

    found = await looked_at(world)

    assert [each.result for each in all_of(Check.UPLOAD, found)] == [
        Result.FAILED,
        Result.WARNING,
    ]
    assert world.liveintent.requests["mint", 503] == 1


async def test_a_liveintent_that_refuses_names_in_filters_is_searched_all_the_same(
    world: World,
) -> None:
    liveintent = LiveIntentSandbox(SandboxOptions(name_filter="refused"))
    liveintent.add_audience(VIP)
    async with liveintent as url:
        found = await looked_at(
            world, LIVEINTENT_URL=url, LIVEINTENT_API_KEY=liveintent.options.token
        )

    assert failures(found) == []
    assert all_of(Check.AUDIENCE, found)[0].detail == "is there, with id 900001"
    refusing, other = all_of(Check.LOOKUP, found)
    assert (refusing.subject, refusing.result) == ("search_v2", Result.WARNING)
    assert "all audiences are read instead" in refusing.detail
    assert (other.subject, other.result) == ("search_v1", Result.OK)


async def test_what_each_way_of_looking_makes_of_a_name_is_told(world: World) -> None:
    found = await looked_at(world)

    assert [(each.subject, each.detail) for each in all_of(Check.LOOKUP, found)] == [
        ("search_v2", "finds audiences by name (LIVEINTENT_AUDIENCE_LOOKUP=search_v2)"),
        ("search_v1", "finds audiences by name (LIVEINTENT_AUDIENCE_LOOKUP=search_v1)"),
    ]


async def test_without_any_audience_nothing_is_learned_of_names(world: World) -> None:
    liveintent = LiveIntentSandbox()
    async with liveintent as url:
        found = await looked_at(
            world, LIVEINTENT_URL=url, LIVEINTENT_API_KEY=liveintent.options.token
        )

    assert the(Check.LOOKUP, found).detail.startswith("not tried")


@pytest.mark.parametrize(
    ("v1_finds", "lookup", "result", "advice"),
    [
        (True, "search_v2", Result.FAILED, "Set LIVEINTENT_AUDIENCE_LOOKUP=search_v1."),
        (False, "search_v2", Result.FAILED, "Set LIVEINTENT_AUDIENCE_LOOKUP=list."),
        (True, "search_v1", Result.OK, None),
    ],
)
async def test_a_filter_that_takes_a_name_and_does_not_find_it_fails(
    v1_finds: bool,
    lookup: str,
    result: Result,
    advice: str | None,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    v1, v2 = AudiencesApi.search_v1, AudiencesApi.search_v2

    async def search_v1(
        self: AudiencesApi, account: Account, *, name: str | None, page: int
    ) -> Decided[OffsetPage[AudienceRow]]:
        if name is None or v1_finds:
            return await v1(self, account, name=None, page=page)
        return Success(OffsetPage([], 0))

    async def search_v2(
        self: AudiencesApi, account: Account, *, name: str | None, cursor: str | None
    ) -> Decided[CursorPage[AudienceRow]]:
        if name is None:
            return await v2(self, account, name=None, cursor=cursor)
        return Success(CursorPage([], None))

    monkeypatch.setattr(AudiencesApi, "search_v1", search_v1)
    monkeypatch.setattr(AudiencesApi, "search_v2", search_v2)

    found = await looked_at(world, LIVEINTENT_AUDIENCE_LOOKUP=lookup)

    finding = all_of(Check.LOOKUP, found)[0]
    assert (finding.subject, finding.result, finding.advice) == ("search_v2", result, advice)
    assert "does not find an audience by its name" in finding.detail


async def test_an_outage_while_names_are_looked_for_is_told(world: World) -> None:
    world.liveintent.faults.add(Fault(kind=FaultKind.STATUS, status=503, audience=VIP))

    found = await looked_at(world, LIVEINTENT_AUDIENCES=CARTS)

    finding = the(Check.LOOKUP, found)
    assert (finding.result, finding.subject) == (Result.FAILED, "search_v2")


async def test_an_audience_that_is_set_by_its_id_is_looked_at_by_its_id(world: World) -> None:
    archived = world.liveintent.add_audience("old_ones", status="Archived")

    found = await looked_at(
        world,
        LIVEINTENT_AUDIENCES=f"{VIP},{CARTS}",
        LIVEINTENT_AUDIENCE_IDS=f"{VIP}=900001,{CARTS}=1",
    )
    others = await looked_at(
        world,
        LIVEINTENT_AUDIENCES="*",
        LIVEINTENT_AUDIENCE_IDS=f"renamed=900001,gone={archived}",
    )

    right, unknown = all_of(Check.AUDIENCE, found)
    assert (right.subject, right.detail) == (VIP, "is there, with id 900001")
    assert unknown.result is Result.FAILED
    assert "LIVEINTENT_URL knows no audience 1" in unknown.detail
    _, renamed, gone = all_of(Check.AUDIENCE, others)
    assert renamed.result is Result.WARNING
    assert renamed.detail == f"is set to 900001, whose name is {VIP}; it is used"
    assert gone.detail.startswith("is archived")


async def test_a_registry_that_asks_for_credentials_gets_ours(world: World) -> None:
    async with SchemaRegistrySandbox(
        basic_auth=("us", "password"), bearer_token="bearer"
    ) as registry:
        url = registry.url
        by_password = await looked_at(
            world,
            SCHEMA_REGISTRY_URL=url,
            SCHEMA_REGISTRY_USERNAME="us",
            SCHEMA_REGISTRY_PASSWORD="password",
        )
        by_token = await looked_at(world, SCHEMA_REGISTRY_URL=url, SCHEMA_REGISTRY_TOKEN="bearer")
        refused = await looked_at(world, SCHEMA_REGISTRY_URL=url, SCHEMA_REGISTRY_TOKEN="hush-hush")

    assert the(Check.SCHEMA_REGISTRY, by_password).result is Result.OK
    assert the(Check.SCHEMA_REGISTRY, by_token).result is Result.OK
    assert the(Check.SCHEMA_REGISTRY, refused).detail == "HTTP 401"
    assert "SCHEMA_REGISTRY_TOKEN" in (the(Check.SCHEMA_REGISTRY, refused).advice or "")
    assert "with a user name and password" in the(Check.SCHEMA_REGISTRY, by_password).detail
    assert "with a bearer token" in the(Check.SCHEMA_REGISTRY, by_token).detail
    assert "hush-hush" not in repr(refused)


async def test_a_registry_that_is_out_of_order_or_not_there_fails(world: World) -> None:
    world.registry.outage = 503
    out_of_order = await looked_at(world)
    gone = await looked_at(
        world, SCHEMA_REGISTRY_URL=f"http://127.0.0.1:{a_port_where_nobody_listens()}"
    )
    another = await looked_at(world, SCHEMA_REGISTRY_URL=world.liveintent.url)

    assert the(Check.SCHEMA_REGISTRY, out_of_order).detail == "HTTP 503"
    assert the(Check.SCHEMA_REGISTRY, gone).detail.startswith("no connection")
    assert "no registry" in (the(Check.SCHEMA_REGISTRY, another).advice or "")


async def test_not_on_a_terminal_each_finding_is_a_line_of_json(world: World) -> None:
    result = await asyncio.to_thread(
        CliRunner().invoke, app, ["check", "--timeout", "5"], env=world.environ
    )

    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["check"] for line in lines] == [
        "settings", "kafka", "group", "topic", "start", "dead_letter_topic", "schema_registry", "liveintent",
        "audience", "audience",
    ]  # fmt: skip
    assert {line["result"] for line in lines} == {"ok"}
    assert result.stderr == ""


async def test_on_a_terminal_the_findings_are_for_people(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = await asyncio.to_thread(
        CliRunner().invoke, app, ["check", "--timeout", "5"], env=world.environ
    )

    assert "Nothing failed in 10 checks." in result.stdout
    assert "{" not in result.stdout


async def test_a_failure_ends_the_command_with_its_own_error_and_without_log_lines(
    world: World,
) -> None:
    environ = {**world.environ, "LIVEINTENT_API_KEY": "another-key"}

    result = await asyncio.to_thread(
        CliRunner().invoke, app, ["check", "--timeout", "5"], env=environ
    )

    assert isinstance(result.exception, CheckFailed)
    assert str(result.exception) == "1 of 9 checks failed."
    assert result.stderr == ""
    assert logging.getLogger("consumer").level == logging.NOTSET


async def test_the_exit_code_is_3_when_something_failed_and_2_when_settings_are_wrong(
    world: World,
) -> None:
    nobody = f"127.0.0.1:{a_port_where_nobody_listens()}"
    failed = await exit_of({**world.environ, "KAFKA_BOOTSTRAP_SERVERS": nobody})
    unusable = await exit_of({**world.environ, "KAFKA_TOPICS": ""})

    assert failed == (3, "1 of 10 checks failed.\n")
    assert unusable[0] == 2
    assert "KAFKA_TOPICS is required" in unusable[1]


async def exit_of(environ: dict[str, str]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "consumer", "check", "--timeout", "2",
        env={"PATH": os.environ["PATH"], **environ},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(30):
        _, errors = await process.communicate()
    return process.returncode, errors.decode()


def test_answers_are_waited_for_ten_seconds_unless_told_otherwise() -> None:
    assert check_module._ANSWER_SECONDS == 10.0


@pytest.mark.kafka
def test_a_real_broker_tells_of_rights_and_of_a_short_retention(
    kafka_cluster: KafkaCluster,
) -> None:
    topic, dead = unique_name("events"), unique_name("dead")
    kafka_cluster.create_topic(topic, partitions=2)
    admin = AdminClient({"bootstrap.servers": kafka_cluster.bootstrap_servers})
    short = NewTopic(dead, 1, 1, config={"retention.ms": "3600000", "max.message.bytes": "1000"})
    admin.create_topics([short])[dead].result()
    settings = kafka_settings(
        kafka_cluster.bootstrap_servers,
        KAFKA_TOPICS=topic,
        KAFKA_DEAD_LETTER_TOPIC=dead,
        KAFKA_FIRST_START="2026-01-01T00:00:00Z",
    )

    found = list(kafka_findings(settings, seconds=10.0))

    assert the(Check.TOPIC, found).detail == "2 partitions, and we may read it"
    assert the(Check.START, found).result is Result.OK
    writable, *warnings = all_of(Check.DEAD_LETTER_TOPIC, found)
    assert writable.detail == "1 partition, and we may write to it"
    assert [each.result for each in warnings] == [Result.WARNING, Result.WARNING]
