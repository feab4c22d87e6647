"""The consumer group: as what we would join it, and who is there already."""

from consumer.cli.checks.findings import Check, Finding, ok, warning
from consumer.kafka.connection import KafkaConnection, brokers_decide, instance_id
from consumer.kafka.inspection import GroupMembers


def group_finding(members: GroupMembers | None, connection: KafkaConnection) -> Finding:
    """Say how we would join, and whether somebody holds the place of a static member."""
    protocol = "consumer" if brokers_decide(connection.properties) else "classic"
    ours = instance_id(connection.properties)
    kind = "a member" if ours is None else f"static member {ours}"
    there = "the brokers do not tell who is in it" if members is None else _counted(members.count)
    detail = f"we join group {connection.group_id} as {kind}, by the {protocol} protocol; {there}"
    if ours is None or members is None or ours not in members.instance_ids:
        return ok(Check.GROUP, detail)
    return warning(
        Check.GROUP,
        f"{detail}, {ours} among them: it runs, or ended less than a session ago",
        advice="Give each replica a group.instance.id of its own. "
        + (
            "While that member runs, or if it was killed less than a session ago, a second one ends with exit code 4."
            if protocol == "consumer"
            else "A second one takes the place of the first, which ends with exit code 4."
        ),
    )


def _counted(members: int) -> str:
    match members:
        case 0:
            return "nobody is in it"
        case 1:
            return "1 member is in it"
        case _:
            return f"{members} members are in it"
