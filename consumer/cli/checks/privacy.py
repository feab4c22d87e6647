"""LiveIntent's Privacy API: whether it would take our requests, asked of the endpoint that keeps nothing."""

from collections.abc import AsyncIterator

from prometheus_client import CollectorRegistry

from consumer.audience.identity import email_identifier
from consumer.choices import EmailHash, PrivacyRequests
from consumer.cli.checks.findings import Check, Finding, failed, ok, warning
from consumer.cli.checks.liveintent_trouble import once
from consumer.liveintent.client import LiveIntentClient
from consumer.liveintent.clock import Clock
from consumer.liveintent.policies import Timeouts
from consumer.liveintent.privacy import Accepted, PrivacyApi
from consumer.liveintent.privacy_request import PrivacyAction, PrivacyRequest
from consumer.liveintent.token import Token
from consumer.liveintent.upload_outcome import Refused, RetryLater, Unauthorised
from consumer.service.from_settings import privacy_terms
from consumer.settings import Settings
from consumer.telemetry.metrics import Metrics

# A domain that can have no mailbox (RFC 2606): nobody is meant.
_NOBODY = "nobody@example.com"
_ACTIONS = {
    PrivacyRequests.ERASE: PrivacyAction.ERASURE,
    PrivacyRequests.RESTRICT: PrivacyAction.RESTRICT,
}
_UNAUTHORISED_ADVICE = (
    "Put the token of the Privacy API that your LiveIntent account team issued into LIVEINTENT_PRIVACY_TOKEN, or into the "
    "file that LIVEINTENT_PRIVACY_TOKEN_FILE names. 401 is for a missing token, 403 for a wrong or expired one, or for one "
    "that may not ask for this."
)
_REFUSED_ADVICE = (
    "Check PRIVACY_SCOPE and PRIVACY_JURISDICTION, and ask your LiveIntent contact. Every such request would go to the "
    "dead-letter topic."
)
_NO_ANSWER_ADVICE = "Check LIVEINTENT_PRIVACY_URL, and that this machine may connect there."


async def privacy_findings(settings: Settings, *, seconds: float) -> AsyncIterator[Finding]:
    """Rehearse one request of each kind that PRIVACY_REQUESTS asks for, about an address nobody can have.

    LiveIntent checks the request and the token's rights, and keeps nothing.
    """
    url, secret = settings.liveintent_privacy_url, settings.liveintent_privacy_token
    if url is None or secret is None:
        return
    if settings.privacy_wide_scope and settings.privacy_requests:
        yield warning(
            Check.PRIVACY,
            "requests may reach beyond one advertiser or publisher, and cannot be taken back",
            advice="Unless that is meant, unset PRIVACY_WIDE_SCOPE.",
        )
    metrics, clock = Metrics(CollectorRegistry()), Clock()
    timeouts = Timeouts(connect_seconds=seconds, read_seconds=seconds, request_seconds=seconds)
    async with LiveIntentClient(url, metrics, timeouts=timeouts) as client:
        api = PrivacyApi(
            client,
            Token(secret.read, clock=clock),
            privacy_terms(settings),
            metrics,
            requests_per_second=settings.liveintent_requests_per_second,
            clock=clock,
        )
        for kind in settings.privacy_requests:
            action = _ACTIONS[kind]
            rehearsed = await once(api.rehearse(_about_nobody(action)), seconds=seconds)
            yield _finding(action, rehearsed)


def _about_nobody(action: PrivacyAction) -> PrivacyRequest:
    nobody = email_identifier(_NOBODY, tuple(EmailHash))
    return PrivacyRequest(action, () if nobody is None else nobody.values, "check")


def _finding(
    action: PrivacyAction, rehearsed: Accepted | Refused | RetryLater | Unauthorised
) -> Finding:
    match rehearsed:
        case Accepted():
            return ok(Check.PRIVACY, "would be accepted", subject=action)
        case Unauthorised(detail):
            return failed(
                Check.PRIVACY,
                f"LiveIntent does not accept our token: {detail}",
                subject=action,
                advice=_UNAUTHORISED_ADVICE,
            )
        case Refused():
            return failed(
                Check.PRIVACY, f"refused: {rehearsed}", subject=action, advice=_REFUSED_ADVICE
            )
        case RetryLater(cause, _, detail):
            told = f": {detail}" if detail else ""
            return failed(
                Check.PRIVACY,
                f"no usable answer ({cause}){told}",
                subject=action,
                advice=_NO_ANSWER_ADVICE,
            )
