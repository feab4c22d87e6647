"""Settings of a replay beside the live group."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from consumer.choices import DeliveryAck, FirstStart
from consumer.settings.parsing import FirstStartPoint, ReplayId
from consumer.settings.part import Part


class ReplaySettings(Part):
    """Replay beside the live group."""

    replay_id: ReplayId | None = Field(
        default=None,
        description="Deliver again beside the live group, which goes on meanwhile, and exit with 0 when done: a name for "
        "the replay, in the group KAFKA_GROUP_ID-replay-REPLAY_ID. One process. See docs/operations.md.",
    )
    replay_from: FirstStartPoint | None = Field(
        default=None,
        description="Where such a replay begins: earliest, or a date and time with its zone.",
    )
    replay_to: FirstStartPoint | None = Field(
        default=None,
        description="Where it ends: a date and time with its zone. After it, only newer changes of the members that were "
        "sent are read, so that nothing older stands. Unset, the end of the log as the replay begins.",
    )
    replay_requests_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=1.0,
        description="Stands in for LIVEINTENT_REQUESTS_PER_SECOND in such a replay: the live group needs the rest.",
    )

    @field_validator("replay_id")
    @classmethod
    def _sees_what_is_finished(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is not None and info.data.get("delivery_ack") is DeliveryAck.STORED:
            raise ValueError(
                "needs DELIVERY_ACK=finished: an older file that LiveIntent still works on could undo a newer one"
            )
        return name

    @field_validator("replay_from")
    @classmethod
    def _where_it_begins(
        cls, start: FirstStartPoint | None, info: ValidationInfo
    ) -> FirstStartPoint | None:
        named = info.data.get("replay_id") is not None
        if named and start is None:
            raise ValueError("must say where the replay of REPLAY_ID begins")
        if not named and start is not None:
            raise ValueError("needs a REPLAY_ID")
        if start is FirstStart.LATEST:
            raise ValueError("must be earliest, or a date and time with its zone")
        return start

    @field_validator("replay_to")
    @classmethod
    def _where_it_ends(
        cls, end: FirstStartPoint | None, info: ValidationInfo
    ) -> FirstStartPoint | None:
        start = info.data.get("replay_from")
        if end is None:
            return None
        if start is None:
            raise ValueError("needs a REPLAY_FROM")
        if isinstance(end, FirstStart):
            raise ValueError("must be a date and time with its zone")  # noqa: TRY004 - pydantic collects ValueError
        if not isinstance(start, FirstStart) and end <= start:
            raise ValueError("must be later than REPLAY_FROM")
        return end
