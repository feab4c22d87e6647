"""LiveIntent's APIs in our own words: the operations we use, and of their shapes what we send and read.

In the form of an OpenAPI document, so that the same checker reads it. Sources: LiveIntent's published OpenAPI, and
the answers that were seen of it (see `DEFECTS_OF_AUDIENCES`, which are mended here).
"""

from collections.abc import Mapping
from typing import Any

from tests.contract.json_shapes import Schema

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
INT32: Schema = {"type": "integer", "format": "int32"}
INT64: Schema = {"type": "integer", "format": "int64"}
TIME: Schema = {"type": "string", "format": "date-time"}
DAY: Schema = {"type": "string", "format": "date"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
STATUS: Schema = {"type": "string", "enum": ["Active", "Archived", "Deleted"]}


def an_object(required: Mapping[str, Schema], **optional: Schema) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


def a_list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def a_page_of(entry: Schema) -> Schema:
    numbers = dict.fromkeys(("page", "pageSize", "pages", "totalCount"), INT32)
    return an_object({"entries": a_list(entry), **numbers})


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [{"type": "null"}, schema]}


def an_option(name: str, content: Schema) -> Schema:
    """An object of exactly one field, which says what it is."""
    return an_object({name: content})


def equals(value: Schema) -> Schema:
    return an_object({"value": an_option("eq", an_object({"value": value}))})


ERROR = an_object({"httpStatus": INT32, "message": TEXT, "errorCode": TEXT})
ERROR_OR_LIST: Schema = {
    "anyOf": [ERROR, an_object({"errors": {"type": "array", "minItems": 1, "items": ERROR}})]
}
TAGGED: Schema = {"oneOf": [an_option("Str", an_object({"value": TEXT}))]}
"""A value of metadata: the only kind that is sent here, by tests alone."""
AUDIENCE = an_object(
    {
        "id": INT64,
        "name": TEXT,
        "accountId": INT64,
        "dataProviderId": INT32,
        "status": STATUS,
        "createdAt": TIME,
        "updatedAt": TIME,
        "metadata": {
            "type": "object",
            "additionalProperties": an_object({"data": TAGGED, "updatedAt": TIME}),
        },
    }
)
UPLOAD = an_object(
    {
        "status": {"type": "string", "enum": ["Pending", "Running", "Finished", "Error"]},
        "action": TEXT,
        "uploadType": TEXT,
        "scheduleAt": TIME,
        "lastUpdate": TIME,
        "uploadedHashesCount": INT64,
        "invalidHashesCount": INT64,
        "estimatedDuplicateCount": INT64,
    },
    notificationEmail=TEXT_OR_NULL,
)
COUNT = an_object({"date": DAY, "totalCount": INT64, "matchCount": INT64})
FILTER: Schema = {
    "oneOf": [
        an_option("and", an_object({"values": a_list({"$ref": "#/filter"})})),
        an_option("nameMatches", equals(TEXT)),
        an_option("dataProviderIdMatches", equals(INT64)),
    ]
}
MATCHES = or_null({"$ref": "#/filter"})
SEARCH_V2 = an_object({}, matches=MATCHES, pageSize=INT32, next=TEXT_OR_NULL)
SEARCH_V1 = an_object({}, matches=MATCHES, pageSize=INT32, page=INT32)
CREATE = an_object(
    {"name": TEXT, "accountId": INT64, "dataProviderId": INT32},
    metadata={"type": "object", "additionalProperties": an_object({"data": TAGGED})},
)
UPDATE = an_object(
    {}, name=TEXT_OR_NULL, status=or_null({"type": "string", "enum": ["Activate", "Archive"]})
)
MINT = an_object({"identifierType": TEXT, "action": TEXT}, uploadName=TEXT_OR_NULL)

ACCOUNT = {"in": "query", "name": "accountId", "schema": INT64}
ONE = {"in": "path", "name": "audienceId", "required": True, "schema": INT64}
PAGED = [{"in": "query", "name": name, "schema": INT32} for name in ("page", "pageSize")]


def as_json(schema: Schema) -> Schema:
    return {"content": {"application/json": {"schema": schema}}}


def an_operation(
    success: int, answer: Schema, *, body: Schema | None = None, parameters: list[Any] | None = None
) -> Schema:
    """An operation with the answers any of them can have; 404 where one audience is named."""
    errors = ["400", "429", "500", "503", *(["404"] if ONE in (parameters or ()) else ())]
    responses = {str(success): as_json(answer), "401": as_json(ERROR_OR_LIST)}
    responses |= dict.fromkeys(errors, as_json(ERROR))
    return {"parameters": parameters or [], "responses": responses, **asking(body)}


def asking(body: Schema | None) -> dict[str, Any]:
    return {} if body is None else {"requestBody": as_json(body)}


AUDIENCES_DESCRIBED: Schema = {
    "security": [{"Bearer": []}],
    "filter": FILTER,
    "paths": {
        "/search/audiences/v2": {
            "post": an_operation(
                200,
                an_object({"items": a_list(AUDIENCE)}, next=TEXT_OR_NULL),
                body=SEARCH_V2,
                parameters=[ACCOUNT],
            )
        },
        "/search/audiences": {
            "post": an_operation(200, a_page_of(AUDIENCE), body=SEARCH_V1, parameters=[ACCOUNT])
        },
        "/audiences": {
            "get": an_operation(200, a_page_of(AUDIENCE), parameters=PAGED),
            "post": an_operation(201, AUDIENCE, body=CREATE),
        },
        "/audiences/{audienceId}": {
            "get": an_operation(200, AUDIENCE, parameters=[ONE]),
            "patch": an_operation(200, AUDIENCE, body=UPDATE, parameters=[ONE]),
        },
        "/audiences/{audienceId}/signed-urls": {
            "post": an_operation(201, an_object({"signedUrl": TEXT}), body=MINT, parameters=[ONE])
        },
        "/audiences/{audienceId}/uploads": {
            "get": an_operation(200, a_page_of(UPLOAD), parameters=[ONE, *PAGED])
        },
        "/audiences/{audienceId}/counts": {
            "get": an_operation(200, an_object({"entries": a_list(COUNT)}), parameters=[ONE])
        },
    },
}


NUMBERED = an_object({"id": INT32})
HASHES: Schema = {"type": "array", "items": TEXT, "uniqueItems": True}
ACTION: Schema = {"type": "string", "enum": ["RESTRICT", "ERASURE", "ACCESS"]}
SCOPE: Schema = {
    "oneOf": [{"$ref": "#/numbered"}, {"$ref": "#/everybody"}],
    "discriminator": {
        "propertyName": "entity_type",
        "mapping": {
            "advertiser": "#/numbered",
            "publisher": "#/numbered",
            "media_group": "#/numbered",
            "global": "#/everybody",
        },
    },
}
PERSON = an_object(
    {"action": ACTION},
    emailHashes=HASHES,
    jurisdiction=TEXT_OR_NULL,
    submitter=TEXT_OR_NULL,
    scope=or_null(SCOPE),
)


def a_privacy_operation() -> Schema:
    errors = dict.fromkeys(("400", "401", "403", "429", "500", "503"), as_json(ERROR))
    accepted = as_json(an_object({"transactionId": TEXT}))
    return {"responses": {"202": accepted, **errors}, **asking(PERSON)}


def an_internal_operation(
    *errors: str, body: Schema | None = None, parameters: list[Any] | None = None
) -> Schema:
    """One that is for LiveIntent's own use: our client never calls it, and the stand-in refuses it."""
    responses = dict.fromkeys(errors, as_json(ERROR))
    return {INTERNAL: True, "parameters": parameters or [], "responses": responses, **asking(body)}


INTERNAL = "x-internal"
TRANSACTION = {"in": "path", "name": "transactionId", "required": True, "schema": TEXT}

PRIVACY_DESCRIBED: Schema = {
    "security": [{"Bearer": []}],
    "numbered": NUMBERED,
    "everybody": {"type": "object", "properties": {}},
    "paths": {
        "/data-subject-requests": {"post": a_privacy_operation()},
        "/data-subject-requests/test": {"post": a_privacy_operation()},
        "/data-subject-requests/{transactionId}": {
            "get": an_internal_operation("401", "403", parameters=[TRANSACTION])
        },
        "/data-subject-report/{transactionId}": {
            "get": an_internal_operation("403", parameters=[TRANSACTION])
        },
        "/search/data-subject-requests": {
            "post": an_internal_operation(
                "401", "403", body=an_object({"emailHashes": {**HASHES, "minItems": 1}})
            )
        },
    },
}
