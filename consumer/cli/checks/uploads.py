"""What LiveIntent lets an upload say: URLs are asked for, and never used."""

from collections.abc import AsyncIterator, Collection, Mapping

from consumer.audience.membership import Action, IdentifierType
from consumer.cli.checks.findings import Check, Finding, failed, ok, warning
from consumer.cli.checks.liveintent import LiveIntentLook, NamedAudience
from consumer.cli.checks.liveintent_trouble import once, trouble_finding
from consumer.liveintent.exchange import Decided
from consumer.liveintent.policies import Spelling
from consumer.liveintent.shapes import SignedUrl, UploadRequest
from consumer.liveintent.upload_outcome import RetryLater, Success, Unauthorised

_Minted = Decided[SignedUrl] | RetryLater | Unauthorised

_SETTINGS: Mapping[Action, str] = {
    Action.ADD: "LIVEINTENT_ACTION_ADD",
    Action.REMOVE: "LIVEINTENT_ACTION_REMOVE",
}


async def upload_findings(
    look: LiveIntentLook, spelling: Spelling, sent: Collection[IdentifierType]
) -> AsyncIterator[Finding]:
    """Ask for a URL for each action and identifier type, on the first audience in use. Nothing is uploaded.

    LiveIntent publishes neither the words for an upload's action nor whether an unused URL leaves a trace in its list
    of uploads. `sent` are the types that are set to be sent; of the others it is told how LiveIntent stands to them.
    """
    if not look.in_use:
        yield warning(
            Check.UPLOAD,
            "could not be tried: none of the audiences named in LIVEINTENT_AUDIENCES is in use at LiveIntent",
            advice="Name one that is, for this check alone: LIVEINTENT_AUDIENCES=NAME segment-liveintent check --live",
        )
        return
    mint = _Mint(look, look.in_use[0], spelling)
    for action in Action:
        word = spelling.action(action)
        minted: dict[IdentifierType, _Minted] = {}
        for kind in IdentifierType:
            minted[kind] = outcome = await mint(word, kind)
            if isinstance(outcome, RetryLater | Unauthorised):
                yield trouble_finding(Check.UPLOAD, outcome, subject=f"{word} {kind}")
                yield warning(Check.UPLOAD, "the rest was not tried, after this failure")
                return
        advice = await _advice(mint, action, word, minted)
        for kind, outcome in minted.items():
            what, audience = f"{word} {kind}", look.in_use[0]
            if kind in sent:
                yield _finding(outcome, what, audience, setting=_SETTINGS[action], advice=advice)
            else:
                yield _finding_of_unsent(outcome, what)


class _Mint:
    """Asks for one URL, and forgets it."""

    def __init__(self, look: LiveIntentLook, audience: NamedAudience, spelling: Spelling) -> None:
        self._look = look
        self._audience = audience
        self._spelling = spelling

    async def __call__(self, word: str, kind: IdentifierType) -> _Minted:
        request = UploadRequest(
            action=word,
            identifier_type=self._spelling.identifier_type(kind),
            upload_name=f"{self._spelling.upload_name_prefix}-check-{word}-{kind}{self._spelling.upload_name_end}",
        )
        return await once(
            self._look.api.mint(self._audience.id, request), seconds=self._look.seconds
        )


async def _advice(
    mint: _Mint, action: Action, word: str, minted: Mapping[IdentifierType, _Minted]
) -> str | None:
    """What to do about the refusals, after trying the likeliest remedy; None when there are none."""
    refused = [kind for kind, outcome in minted.items() if not isinstance(outcome, Success)]
    if not refused:
        return None
    if len(refused) < len(minted):
        accepted = ",".join(kind for kind in minted if kind not in refused)
        return (
            "Identifiers of this type would go to the dead-letter topic. Ask your LiveIntent contact to allow them "
            f"for your account, or leave them out: LIVEINTENT_IDENTIFIER_TYPES={accepted}."
        )
    other = word.upper() if word.islower() else word.lower()
    if isinstance(await mint(other, refused[0]), Success):
        return f"Set {_SETTINGS[action]}={other}: that is accepted."
    return (
        f"Ask your LiveIntent contact what an upload's action may be, and set {_SETTINGS[action]} to it "
        f"({other} is refused as well)."
    )


def _finding(
    outcome: _Minted, subject: str, audience: NamedAudience, *, setting: str, advice: str | None
) -> Finding:
    if isinstance(outcome, Success):
        detail = f"accepted, on audience {audience.name} ({setting})"
        return ok(Check.UPLOAD, detail, subject=subject)
    return failed(
        Check.UPLOAD,
        f"refused, on audience {audience.name}: {outcome}",
        subject=subject,
        advice=advice,
    )


def _finding_of_unsent(outcome: _Minted, subject: str) -> Finding:
    told = "accepted" if isinstance(outcome, Success) else "refused"
    return ok(
        Check.UPLOAD,
        f"{told}; not sent, as LIVEINTENT_IDENTIFIER_TYPES leaves it out",
        subject=subject,
    )
