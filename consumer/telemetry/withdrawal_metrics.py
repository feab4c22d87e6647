"""The metrics of people who leave every audience, and of what LiveIntent's Privacy API is asked for them."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class WithdrawalMetrics:
    """Built once, as a part of `Metrics`. Every series is there from the start: alerts rest on the first of them."""

    def __init__(self, registry: CollectorRegistry, *, namespace: str) -> None:
        self.withdrawals = Counter(
            "withdrawals_total",
            "Events that ask to take a person out of every audience, by cause (deletion, consent) and outcome: followed, "
            "nowhere (no audience is known yet), unusable (nothing to find the person by).",
            ("cause", "outcome"),
            namespace=namespace,
            registry=registry,
        )
        self.requests = Counter(
            "privacy_requests_total",
            "Requests to LiveIntent's Privacy API by action and result: accepted, refused, no_email (none could be made), "
            "let_go (the next owner of the partition repeats it).",
            ("action", "result"),
            namespace=namespace,
            registry=registry,
        )
        self.requests_waiting = Gauge(
            "privacy_requests_waiting",
            "Privacy requests LiveIntent has not accepted yet.",
            namespace=namespace,
            registry=registry,
        )
        self.requests_held = Gauge(
            "privacy_requests_held",
            "1 while LiveIntent's Privacy API takes no requests, by cause: unauthorised, failing.",
            ("cause",),
            namespace=namespace,
            registry=registry,
        )
        for outcome in ("followed", "nowhere", "unusable"):
            for cause in ("deletion", "consent"):
                self.withdrawals.labels(cause, outcome)
        for result in ("accepted", "refused", "no_email", "let_go"):
            for action in ("ERASURE", "RESTRICT"):
                self.requests.labels(action, result)
        for held in ("unauthorised", "failing"):
            self.requests_held.labels(held)
