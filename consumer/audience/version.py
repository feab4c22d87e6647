"""Which of two changes of one member is the newer: the one rule, used in lanes and by the latest-state guard."""

from consumer.audience.membership import Action, MembershipChange


def supersedes(change: MembershipChange, standing: MembershipChange) -> bool:
    """Whether `change` is newer than `standing`, a change of the same member.

    By the event's time, then by the time Segment received it. Changes equal in both: within one partition the
    higher offset is newer, and within one record the later place; across partitions, where offsets say nothing, a REMOVE wins, since sending an ad to someone who
    left is worse than missing someone who entered. Equal is not newer.
    """
    new, old = change.version, standing.version
    if new.event_us != old.event_us:
        return new.event_us > old.event_us
    if new.received_us != old.received_us:
        return new.received_us > old.received_us
    if new.source == old.source:
        return (new.offset, new.position) > (old.offset, old.position)
    return change.action is Action.REMOVE and standing.action is Action.ADD


def blocks(refused: MembershipChange, add: MembershipChange) -> bool:
    """Whether an ADD that consent refused keeps out this ADD of the same member: unless it is from later.

    When Segment received them does not matter: a repeat of an ADD that was kept out would pass, received later.
    """
    return add.version.event_us <= refused.version.event_us
