import pytest

from consumer.cli.checks.findings import Result
from consumer.cli.checks.group import group_finding
from consumer.kafka.connection import KafkaConnection
from consumer.kafka.inspection import GroupMembers

NOBODY = GroupMembers(0, frozenset())


def a_connection(**properties: str) -> KafkaConnection:
    own = {name.replace("_", "."): value for name, value in properties.items()}
    return KafkaConnection("kafka:9092", "group", properties=own)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        (None, "the brokers do not tell who is in it"),
        (NOBODY, "nobody is in it"),
        (GroupMembers(1, frozenset()), "1 member is in it"),
        (GroupMembers(3, frozenset({"pod-7"})), "3 members are in it"),
    ],
)
def test_who_is_in_the_group_is_told(members: GroupMembers | None, told: str) -> None:
    finding = group_finding(members, a_connection())

    assert finding.result is Result.OK
    assert finding.detail == f"we join group group as a member, by the classic protocol; {told}"


def test_a_static_member_whose_place_is_free_is_well() -> None:
    finding = group_finding(
        GroupMembers(1, frozenset({"pod-7"})), a_connection(group_instance_id="pod-0")
    )

    assert finding.result is Result.OK
    assert "static member pod-0" in finding.detail


@pytest.mark.parametrize(
    ("protocol", "what_happens"),
    [
        ("classic", "takes the place of the first, which ends with exit code 4"),
        ("consumer", "a second one ends with exit code 4"),
    ],
)
def test_a_static_member_whose_place_is_taken_is_warned_of_what_a_second_one_does(
    protocol: str, what_happens: str
) -> None:
    connection = a_connection(group_instance_id="pod-0", group_protocol=protocol)

    finding = group_finding(GroupMembers(2, frozenset({"pod-0"})), connection)

    assert finding.result is Result.WARNING
    assert f"static member pod-0, by the {protocol} protocol" in finding.detail
    assert what_happens in (finding.advice or "")
