"""What the providers' documents leave open, or where editions differ: settings of the emulator."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args


@dataclass
class Behaviour:
    """How the emulator behaves where more than one way is right. Change it at any time."""

    zuora_token_seconds: int = 3599
    """Life of a Zuora access token."""
    salesforce_session_seconds: int = 7200
    """Life of a Salesforce session since it was last used."""
    rotates_refresh_tokens: bool = False
    """Each refresh gives a new refresh token; using an old one again revokes everything."""
    public_key: str = ""
    """PEM that JWT bearer assertions must be signed for; without it any signature will do."""
    daily_requests: int = 100_000
    """Salesforce's daily allocation; beyond it every call is refused."""
    hourly_requests: int = 2_250_000
    """What Zuora's RateLimit headers count down from."""

    empty_backfill_fields: Literal["absent", "null"] = "absent"
    """What a data backfill says that has not come so far."""
    backfill_type_key: Literal["type", "importType"] = "type"
    """The documented sample has the one, the schema and the SDK the other."""
    objects_order: Literal["newest", "oldest", "shuffled"] = "newest"
    """Order of custom object jobs; the documents do not say."""
    objects_page_max: int = 100
    """Largest pageSize of custom object jobs (the SDK allows 40); more is a 400."""
    cursor_on_last_page: bool = True
    """Whether the last page of custom object jobs has a cursor; the documents do not say."""
    query_page_max: int = 1000
    """Largest pageSize of data queries (100 in 2023); more is a 400."""
    query_says_created: bool = True
    """Whether data queries carry createdOn and createdByUserEmail, as newer samples do."""

    salesforce_page_size: int = 1000
    """Rows a page of the Salesforce listings."""
    salesforce_order: Literal["shuffled", "newest", "oldest"] = "shuffled"
    """Order of the Salesforce listings, indeterminate by the documents."""
    shifting_pages: bool = False
    """Whether a locator counts rows of the listing as it is now, or of that of its first page."""
    next_url_keeps_filters: bool = False
    """Whether nextRecordsUrl repeats the caller's filters; the documented ones do not."""
    query_locator_path: Literal["ingest", "query"] = "ingest"
    """Where the query listing's nextRecordsUrl points; the documents have it at the ingest path."""
    ingest_lists_queries: bool = False
    """Whether the unfiltered ingest listing has Bulk API 2.0 query jobs too."""
    classic_detail: Literal["refused", "served"] = "refused"
    """What GET /jobs/ingest|query/{id} does with the id of a Classic job."""

    def change(self, changes: Mapping[str, Any]) -> None:
        """Sets several at once. Raises `ValueError` for what is none, or of another type."""
        known = {field.name: field for field in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"no setting {name!r}; there are {', '.join(known)}")
            choices = get_args(known[name].type)
            if choices and value not in choices:
                raise ValueError(f"{name} is one of {', '.join(choices)}, not {value!r}")
            if not choices and type(value) is not type(getattr(self, name)):
                expected = type(getattr(self, name)).__name__
                raise ValueError(f"{name} is of type {expected}, not {type(value).__name__}")
        for name, value in changes.items():
            setattr(self, name, value)
