"""Acme: exports. A provider in one file, as small as one can be."""

from jobledger.sources._provider.dialect import Dialect
from jobledger.sources._provider.fields import count, text, time
from jobledger.sources._provider.kind import Ask, Kind, Provider
from jobledger.sources._provider.login import CLIENT_CREDENTIALS
from jobledger.sources._provider.model import Status
from jobledger.sources._provider.paging import After

EXPORT = Kind(
    name="export",
    listing="/exports",
    paging=After("exports", sizes=(2,)),
    one=(Ask("/exports/{id}"),),
    id_field="number",
    operation="export",
    words={
        "waiting": Status.QUEUED,
        "busy": Status.RUNNING,
        "done": Status.SUCCEEDED,
        "broken": Status.FAILED,
    },
    fields={
        "object": text("table"),
        "provider_status": text("state"),
        "created_at": time("asked"),
        "updated_at": time("touched"),
        "records_processed": count("rows"),
        "error_message": text("why"),
    },
)

PROVIDER = Provider(
    name="acme",
    title="Acme",
    kinds=(EXPORT,),
    dialect=Dialect(token_path="/token", flows=(CLIENT_CREDENTIALS,)),
)
