"""Whether other replicas read our topics beside us: told from the partitions we do not hold."""


class Sharing:
    """Topics are shared once we have held some of their partitions, and not all, for a while.

    Only for a while: during every rebalance we hold fewer than we will.
    """

    def __init__(self, after_seconds: float) -> None:
        self._after_seconds = after_seconds
        self._since: float | None = None

    def look(self, *, held: int, partitions: int, now: float) -> bool:
        """Whether our topics, of so many partitions in all, are shared, at this moment and for a while now.

        Zero partitions are those not known yet. `now` never goes back.
        """
        if not 0 < held < partitions:
            self._since = None
            return False
        self._since = now if self._since is None else self._since
        return now - self._since >= self._after_seconds
