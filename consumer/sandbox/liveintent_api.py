"""The operations of LiveIntent's Audiences API, from a request's parts to its answer; HTTP itself is elsewhere.

Source: LiveIntent's published OpenAPI. Where it is silent: a search is by rising id; uploads are listed oldest
first; an Archived audience takes no upload; the account and data provider of a create must be the stand-in's own.
"""

import zlib
from collections.abc import Callable
from math import inf

from consumer.sandbox.faults import LISTING_KINDS, BodyShape, Faults, Operation
from consumer.sandbox.liveintent_audiences import WRITTEN_STATUSES, Audience
from consumer.sandbox.liveintent_breaches import Refused
from consumer.sandbox.liveintent_call import (
    INVALID_REQUEST,
    Call,
    data_of,
    id_in_cursor,
    integer_from,
    name_from,
    object_from,
    page_from,
    page_size_from,
    text_at,
    text_or_none_at,
)
from consumer.sandbox.liveintent_filter import (
    InvalidFilter,
    has_name_node,
    names_in_filter,
    read_filter,
)
from consumer.sandbox.liveintent_state import LiveIntentState, SandboxOptions
from consumer.sandbox.liveintent_uploads import UploadRequest
from consumer.sandbox.liveintent_wire import (
    STORAGE_PATH,
    Answer,
    audience_document,
    counts_document,
    error_answer,
    json_answer,
    offset_page,
    timestamp,
    upload_document,
)


class AudiencesApi:
    """One method per operation, from Call to Answer. They raise Refused for what is to be an error."""

    def __init__(
        self,
        state: LiveIntentState,
        options: SandboxOptions,
        *,
        faults: Faults,
        new_key: Callable[[], str],
    ) -> None:
        self._state = state
        self._options = options
        self._faults = faults
        self._new_key = new_key

    def audiences_meant(self, call: Call) -> frozenset[str]:
        """The names of the audiences a call is for, as far as it tells; never raises."""
        if call.operation is Operation.SEARCH:
            return names_in_filter(call.document.get("matches"))
        if call.operation is Operation.CREATE:
            name = call.document.get("name")
        else:
            name = self._state.audiences.name_of(call.audience_id)
        return frozenset({name}) if isinstance(name, str) else frozenset()

    def answer(self, method: "ApiMethod", call: Call) -> Answer:
        """The answer to a call, an error included."""
        self._state.uploads.advance(call.now)
        try:
            return method(self, call)
        except Refused as refused:
            return error_answer(refused.status, refused.message, BodyShape.BARE)

    def search_v2(self, call: Call) -> Answer:
        """One page behind the cursor."""
        page_size = page_size_from(call.document)
        cursor = call.document.get("next")
        last_id = 0 if cursor is None else id_in_cursor(cursor)
        found = [audience for audience in self._found(call) if audience.id > last_id]
        page = found[:page_size]
        more = len(found) > page_size
        return json_answer(
            200,
            {
                "items": [audience_document(audience) for audience in page],
                "next": f"after-{page[-1].id}" if more else None,
            },
        )

    def search_v1(self, call: Call) -> Answer:
        """One numbered page."""
        documents = [audience_document(audience) for audience in self._found(call)]
        return json_answer(
            200, offset_page(documents, page_from(call.document), page_size_from(call.document))
        )

    def list_(self, call: Call) -> Answer:
        """Every audience there is, or those updated after a time in epoch milliseconds."""
        after = call.query.get("updatedAfter")
        after_ms = -inf if after is None else integer_from(after)
        documents = [
            audience_document(audience)
            for audience in self._state.audiences.searchable(call.now)
            if audience.updated_at * 1000 > after_ms
        ]
        return json_answer(
            200, offset_page(documents, page_from(call.query), page_size_from(call.query))
        )

    def create(self, call: Call) -> Answer:
        """A new audience, whether or not one of that name exists: LiveIntent promises nothing else."""
        document = call.document
        owner = (document.get("accountId"), document.get("dataProviderId"))
        if owner != (self._options.account_id, self._options.data_provider_id):
            raise Refused(400, f"{INVALID_REQUEST}: accountId, dataProviderId")
        metadata = {
            key: {"data": data_of(entry), "updatedAt": timestamp(call.now)}
            for key, entry in object_from(document.get("metadata", {})).items()
        }
        audience = self._state.audiences.create(
            name_from(document.get("name")), call.now, metadata=metadata
        )
        return json_answer(201, audience_document(audience))

    def get(self, call: Call) -> Answer:
        """One audience, in whatever status."""
        return json_answer(200, audience_document(self._audience(call)))

    def patch(self, call: Call) -> Answer:
        """Rename, Activate or Archive."""
        audience = self._audience(call)
        name, status = call.document.get("name"), call.document.get("status")
        if status is not None and status not in WRITTEN_STATUSES:
            raise Refused(400, f"{INVALID_REQUEST}: status")
        self._state.audiences.change(
            audience,
            call.now,
            name=None if name is None else name_from(name),
            status=None if status is None else str(status),
        )
        return json_answer(200, audience_document(audience))

    def mint(self, call: Call) -> Answer:
        """A signed URL for one file."""
        request = UploadRequest(
            audience=self._audience(call),
            action=text_at(call.document, "action"),
            identifier_type=text_at(call.document, "identifierType"),
            upload_name=text_or_none_at(call.document, "uploadName"),
            notification_email=text_or_none_at(call.document, "notificationEmail"),
        )
        key = self._new_key()
        self._state.uploads.mint(key, request, call.now)
        return json_answer(201, {"signedUrl": f"{call.origin}{STORAGE_PATH}?signature={key}"})

    def uploads(self, call: Call) -> Answer:
        """The uploads of an audience, a numbered page of them."""
        audience = self._audience(call)
        uploads = self._state.uploads.of(audience)
        if self._faults.take(LISTING_KINDS, call.operation, audiences=frozenset({audience.name})):
            uploads.sort(key=lambda upload: zlib.crc32(b"%d" % upload.number))
        documents = [upload_document(upload) for upload in uploads]
        return json_answer(
            200, offset_page(documents, page_from(call.query), page_size_from(call.query))
        )

    def counts(self, call: Call) -> Answer:
        """How many members an audience has."""
        return json_answer(200, counts_document(self._audience(call), call.now))

    def _found(self, call: Call) -> list[Audience]:
        matches = call.document.get("matches")
        if self._options.name_filter == "refused" and has_name_node(matches):
            raise Refused(400, f"{INVALID_REQUEST}: matches")
        account_id = call.query.get("accountId")
        wanted = None if account_id is None else integer_from(account_id)
        try:
            is_match = read_filter(matches)
        except InvalidFilter as invalid:
            raise Refused(400, f"{INVALID_REQUEST}: {invalid}") from invalid
        return [
            audience
            for audience in self._state.audiences.searchable(call.now)
            if wanted in (None, audience.account_id) and is_match(audience)
        ]

    def _audience(self, call: Call) -> Audience:
        return self._state.audiences.get(call.audience_id)


ApiMethod = Callable[[AudiencesApi, Call], Answer]
"""One operation of the API."""
