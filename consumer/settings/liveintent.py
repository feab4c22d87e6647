"""Settings of LiveIntent's side: the account, the Audiences API, the uploads."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from consumer.choices import (
    AudienceLookup,
    LetterCase,
    MetadataEncoding,
    OnArchived,
    OnDeleted,
    UploadCompression,
)
from consumer.settings.parsing import Count, EncryptedUrl, HeaderSecret, HttpHeaders, Line, Seconds
from consumer.settings.part import SECRET, Part


class LiveIntentSettings(Part):
    """LiveIntent."""

    liveintent_url: EncryptedUrl = Field(
        description="Base URL of LiveIntent's Audiences API. Ask your LiveIntent contact; there is no default host. "
        "https, except on this machine."
    )
    liveintent_api_key: HeaderSecret = Field(
        description="The API Key of Segment's LiveIntent Audiences destination: the Audiences API's token, without "
        "the word Bearer. LiveIntent support provides it.",
        json_schema_extra=SECRET,
    )
    liveintent_account_id: Count = Field(
        description="LiveIntent's number for your account. Comes with the API Key.",
    )
    liveintent_data_provider_id: Count = Field(
        description="LiveIntent's number for you as a data provider. Comes with the API Key.",
    )
    liveintent_app_id: Line | None = Field(
        default=None,
        description="The AppId of Segment's LiveIntent Audiences destination. Only direct calls to the collector "
        "use it; it is accepted all the same, so that the settings can be copied whole.",
    )
    liveintent_requests_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=2.0,
        description="Most requests per second to the Audiences API. LiveIntent publishes no limit; this is low.",
    )
    liveintent_concurrency: Count = Field(
        default=2,
        description="Most requests to the Audiences API, and most files being stored, at the same time.",
    )
    liveintent_auto_create: bool = Field(
        default=True,
        description="Create an audience LiveIntent does not have. If false, the records for such an "
        "audience go to the dead-letter topic.",
    )
    liveintent_on_archived: OnArchived = Field(
        default=OnArchived.FAIL,
        description="What to do when an audience is archived at LiveIntent: fail (its records go to the dead-letter "
        "topic), or activate it.",
    )
    liveintent_on_deleted: OnDeleted = Field(
        default=OnDeleted.FAIL,
        description="What to do when an audience was deleted at LiveIntent: fail (its records go to the dead-letter "
        "topic), or create a new one of that name.",
    )
    liveintent_audience_lookup: AudienceLookup = Field(
        default=AudienceLookup.SEARCH_V2,
        description="How audiences are looked up by name. When LiveIntent refuses one way, the next is tried.",
    )
    liveintent_audience_recheck_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=600.0,
        description="How old LiveIntent's word on an audience (that it is there, and active) may be when a file is sent to "
        "it; 0 asks before every file. A file LiveIntent refuses has it asked at once.",
    )
    liveintent_create_settle_seconds: Seconds = Field(
        default=60.0,
        description="How long, in three searches, a create of unknown outcome is looked for before another create. Longer "
        "than LiveIntent's search lags behind.",
    )
    liveintent_metadata_encoding: MetadataEncoding = Field(
        default=MetadataEncoding.NONE,
        description="Whether an audience that is created carries its name as metadata, under segment_liveintent, and how that is "
        "written: none, plain, or tagged as LiveIntent's OpenAPI has it. Nothing here needs it.",
    )
    liveintent_action_add: Line = Field(
        default="ADD",
        description="The word for adding in an upload. Change it only if LiveIntent refuses it (`check --live` tells).",
    )
    liveintent_action_remove: Line = Field(
        default="REMOVE",
        description="The word for removing in an upload. As above.",
    )
    liveintent_max_rows_per_upload: Count = Field(
        default=500_000,
        description="Most rows in one file; a larger batch is split into files sent one after the other.",
    )
    liveintent_max_bytes_per_upload: Annotated[int, Field(ge=1000)] = Field(
        default=50_000_000,
        description="Most bytes in one file, likewise. 500,000 SHA-256 hashes take 32,500,000.",
    )
    liveintent_aaid_case: LetterCase = Field(
        default=LetterCase.LOWER,
        description="How Android's advertising ids are written in a file. LiveIntent publishes no rule; this is Android's.",
    )
    liveintent_idfa_case: LetterCase = Field(
        default=LetterCase.UPPER,
        description="How Apple's advertising ids are written in a file. LiveIntent publishes no rule; this is Apple's.",
    )
    liveintent_page_size: Count = Field(
        default=30,
        description="Rows asked for per page of audiences and uploads. All pages are read.",
    )
    upload_poll_seconds: Seconds = Field(
        default=15.0,
        description="First wait before asking whether an upload has finished; the waits then grow.",
    )
    upload_poll_max_seconds: Seconds = Field(
        default=300.0,
        description="Longest wait between two questions about an upload.",
    )
    upload_list_deadline_seconds: Seconds = Field(
        default=900.0,
        description="How long a stored file may be missing from LiveIntent's list before it is sent once more.",
    )
    upload_finish_deadline_seconds: Seconds = Field(
        default=21_600.0,
        description="How long an upload may take before it counts as overdue, which alerts. It is still waited for.",
    )
    upload_error_attempts: Count = Field(
        default=3,
        description="How often a file is sent again when LiveIntent ends it with Error, before its records go to "
        "the dead-letter topic.",
    )
    upload_content_type: Line | None = Field(
        default=None,
        description="Content-Type of the file sent to storage. Unset sends none: a signed URL may not allow one.",
    )

    upload_headers: HttpHeaders = Field(
        default={},
        description="Further headers of the file sent to storage, as a JSON object, should its host ask for any.",
    )
    upload_name_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = Field(
        default="segment-liveintent",
        description="Beginning of every upload's name at LiveIntent; letters, digits and . _ - only.",
    )
    upload_name_extension: Annotated[str, Field(pattern=r"^\.[a-z]{1,8}$")] = Field(
        default=".txt",
        description="End of every upload's name. LiveIntent's guides name .txt and .csv; the content is the same.",
    )
    upload_compression: UploadCompression = Field(
        default=UploadCompression.NONE,
        description="How files are packed: none, gzip (the name then ends in .gz too) or zip. LiveIntent's older guides name "
        "zip, and nothing names gzip: ask before you change it.",
    )
    upload_url_max_age_seconds: Seconds = Field(
        default=300.0,
        description="Oldest signed URL that is still used; an older one is asked for anew.",
    )

    @field_validator("liveintent_action_remove")
    @classmethod
    def _unlike_add(cls, remove: str, info: ValidationInfo) -> str:
        if remove == info.data.get("liveintent_action_add"):
            raise ValueError("must differ from LIVEINTENT_ACTION_ADD")
        return remove

    @field_validator("upload_poll_max_seconds")
    @classmethod
    def _not_below_the_first_wait(cls, longest: float, info: ValidationInfo) -> float:
        if longest < info.data.get("upload_poll_seconds", 0):
            raise ValueError("must be at least UPLOAD_POLL_SECONDS")
        return longest

    @field_validator("upload_finish_deadline_seconds")
    @classmethod
    def _not_below_the_list_deadline(cls, finish: float, info: ValidationInfo) -> float:
        if finish < info.data.get("upload_list_deadline_seconds", 0):
            raise ValueError("must be at least UPLOAD_LIST_DEADLINE_SECONDS")
        return finish
