"""Small real values with every field overridable: `a_change(action=...)`, `a_record(offset=...)`."""

from consumer.audience.membership import (
    Action,
    AudienceKey,
    Identifier,
    IdentifierType,
    MembershipChange,
    Version,
)
from consumer.record import KafkaRecord

VIP = AudienceKey("vip_customers")


def an_email(*values: str) -> Identifier:
    return Identifier(IdentifierType.EMAIL_HASH, values or ("m", "s1", "s2"))


def a_change(
    action: Action = Action.ADD,
    *,
    at: int = 100,
    received: int | None = None,
    source: str = "events-0",
    offset: int = 0,
    message_id: str = "",
    identifier: Identifier | None = None,
    audience: AudienceKey = VIP,
) -> MembershipChange:
    return MembershipChange(
        audience=audience,
        action=action,
        identifier=identifier or an_email(),
        version=Version(at, at if received is None else received, source, offset),
        message_id=message_id or f"{source}-{offset}-{at}-{received}-{action}",
    )


def a_record(
    offset: int = 0,
    *,
    topic: str = "events",
    partition: int = 0,
    value: bytes | None = b"value",
    key: bytes | None = b"key",
    assignment: int = 1,
    headers: tuple[tuple[str, bytes | None], ...] = (),
    timestamp_ms: int | None = 1_768_000_000_000,
    leader_epoch: int | None = 0,
) -> KafkaRecord:
    return KafkaRecord(
        topic=topic,
        partition=partition,
        offset=offset,
        key=key,
        value=value,
        headers=headers,
        timestamp_ms=timestamp_ms,
        leader_epoch=leader_epoch,
        assignment=assignment,
    )
