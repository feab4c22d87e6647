"""What Kafka's own consumer-group tool says of a group."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GroupPartition:
    """One line of `kafka-consumer-groups --describe`; None where the tool prints a dash."""

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int | None
    lag: int | None
    consumer_id: str | None


def group_partitions(described: str) -> list[GroupPartition]:
    """Read the tool's table, by its headings: columns have come and gone between versions of Kafka."""
    rows: list[GroupPartition] = []
    headings: list[str] = []
    for cells in (line.split() for line in described.splitlines()):
        if cells[:2] == ["GROUP", "TOPIC"]:
            headings = cells
        elif headings and len(cells) == len(headings):
            row = dict(zip(headings, cells, strict=True))
            rows.append(
                GroupPartition(
                    group=row["GROUP"],
                    topic=row["TOPIC"],
                    partition=int(row["PARTITION"]),
                    committed=_number(row["CURRENT-OFFSET"]),
                    end=_number(row["LOG-END-OFFSET"]),
                    lag=_number(row["LAG"]),
                    consumer_id=None if row["CONSUMER-ID"] == "-" else row["CONSUMER-ID"],
                )
            )
    return rows


def _number(cell: str) -> int | None:
    return None if cell == "-" else int(cell)
