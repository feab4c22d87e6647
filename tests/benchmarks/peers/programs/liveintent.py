"""LiveIntent's Audiences API and the schema registry, as an engineer would call them: `requests`, with its retries.

Every peer uses this client, so that none is worse off: connections are kept, a 429 or 5xx is tried again five times
with growing waits (about six seconds in all), Retry-After is honoured. What still fails is raised, and what happens
then is the peer's own. A file counts as delivered when storage has taken it; nobody asks whether it finished.
"""

from collections.abc import Iterable

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tests.benchmarks.peers.programs.job import HashFile
from tests.benchmarks.peers.programs.surroundings import Surroundings

_RETRIED = (429, 500, 502, 503, 504)
_TIMEOUT_SECONDS = 10


def kept_session() -> requests.Session:
    """A session that tries again what may be tried again, mints and PUTs included."""
    session = requests.Session()
    retries = Retry(
        total=5,
        backoff_factor=0.2,
        status_forcelist=_RETRIED,
        allowed_methods=None,
        respect_retry_after_header=True,
    )
    session.mount("http://", HTTPAdapter(max_retries=retries))
    return session


def schema_text(session: requests.Session, around: Surroundings, schema_id: int) -> str:
    """A schema by its id, from the registry."""
    answer = session.get(f"{around.registry_url}/schemas/ids/{schema_id}", timeout=_TIMEOUT_SECONDS)
    answer.raise_for_status()
    return str(answer.json()["schema"])


class LiveIntent:
    """Uploads files to audiences found by name, created when there is none. Raises `requests` errors."""

    def __init__(self, session: requests.Session, around: Surroundings) -> None:
        self._session = session
        self._around = around
        self._headers = {"Authorization": f"Bearer {around.token}"}
        self._ids: dict[str, int] = {}

    def upload_all(self, files: Iterable[HashFile]) -> None:
        """Upload one after the other."""
        for each in files:
            self.upload(each)

    def upload(self, file: HashFile) -> None:
        """Ask for a signed URL and store the file there."""
        place = f"{self._around.liveintent_url}/audiences/{self._id_of(file.audience)}/signed-urls"
        wanted = {"identifierType": file.identifier_type, "action": file.action}
        minted = self._session.post(
            place, json=wanted, headers=self._headers, timeout=_TIMEOUT_SECONDS
        )
        minted.raise_for_status()
        body = "\n".join(file.rows).encode()
        stored = self._session.put(minted.json()["signedUrl"], body, timeout=_TIMEOUT_SECONDS)
        stored.raise_for_status()

    def _id_of(self, name: str) -> int:
        if name not in self._ids:
            self._ids[name] = self._found(name) or self._created(name)
        return self._ids[name]

    def _found(self, name: str) -> int | None:
        matches = {"nameMatches": {"value": {"eq": {"value": name}}}}
        answer = self._session.post(
            f"{self._around.liveintent_url}/search/audiences/v2",
            params={"accountId": self._around.account_id},
            json={"pageSize": 30, "matches": matches},
            headers=self._headers,
            timeout=_TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        found = [item["id"] for item in answer.json()["items"] if item["name"] == name]
        return min(found) if found else None

    def _created(self, name: str) -> int:
        document = {
            "name": name,
            "accountId": self._around.account_id,
            "dataProviderId": self._around.data_provider_id,
        }
        answer = self._session.post(
            f"{self._around.liveintent_url}/audiences",
            json=document,
            headers=self._headers,
            timeout=_TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        return int(answer.json()["id"])
