"""From records to jobs: a provider's page becomes rows of the job model.

Columns are read one after the other over the whole page, which is what makes a hundred thousand
jobs a second possible in Python. A value that cannot be read becomes NULL and is reported; it
costs neither its job nor its page.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
import pyarrow as pa

from jobledger.sources._provider.fields import Field, read_code
from jobledger.sources._provider.json_text import dumps, tame
from jobledger.sources._provider.kind import Kind, Provider
from jobledger.sources._provider.model import JOBS, OPEN, Record, Status
from jobledger.sources._provider.redact import Redactor, user_hash
from jobledger.sources._provider.settings import SourceSettings

_READ: Final = (
    *("object", "operation", "provider_status", "created_at", "started_at", "finished_at"),
    *("updated_at", "run_seconds", "records_total", "records_processed", "records_succeeded"),
    *("records_failed", "progress", "error_code", "error_message", "created_by"),
    *("input_bytes", "output_bytes"),
)
"""The columns that a provider's fields may fill; the others follow from them."""
_SHORT_NAME: Final = 3


@dataclass(frozen=True)
class Rejected:
    """A record, or a field of one, that could not be read."""

    job_id: str | None
    field: str | None
    problem: str
    raw: str
    """What the provider wrote, redacted."""


@dataclass(slots=True)
class Reading:
    """One record that is a job: its id, and what is kept of it."""

    job_id: str
    record: Record
    raw: bytes
    """The record as canonical JSON, redacted."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Place in the record -> why `raw` does not say what the provider wrote there."""


class Reader:
    """Reads the records of one kind of one source."""

    def __init__(
        self,
        settings: SourceSettings,
        provider: Provider,
        kind: Kind,
        redactor: Redactor,
        user_key: bytes | None = None,
    ) -> None:
        """`user_key` hashes the users' names; None keeps them."""
        self.kind = kind
        self.rejected: list[Rejected] = []
        self._source = settings.name
        self._provider = provider.name
        self._redactor = redactor
        self._user_key = user_key
        self._dropped = () if settings.keep_query_text else kind.query_text
        self._salt = orjson.dumps([settings.name, kind.name])
        self._statuses: dict[str | None, Status] = {}

    def take(self, item: Any) -> Reading | None:
        """What is kept of one item of a listing; None, and reported, if it is no job at all."""
        if not isinstance(item, dict):
            self._reject(None, None, "a job is a JSON object", item)
            return None
        try:
            job_id = read_code(item.get(self.kind.id_field))
        except ValueError:
            job_id = ""
        if not job_id:
            self._reject(None, self.kind.id_field, "a job has an id", item)
            return None
        return self._kept(job_id, item)

    def identity(self, item: Any) -> bytes:
        """What tells one item of a listing from another: a job's id, else all that it says."""
        if isinstance(item, dict):
            job_id = item.get(self.kind.id_field)
            if job_id is not None and job_id != "":
                return str(job_id).encode(errors="backslashreplace")
        return dumps(tame(item)[0])

    def report(self, readings: Iterable[Reading]) -> None:
        """Reads jobs only to say what of them cannot be read."""
        rows = list(readings)
        for name in self.kind.fields:
            self._column(name, rows)

    def _kept(self, job_id: str, record: Record) -> Reading:
        problems: Mapping[str, str] = {}
        record = self._without_query(record)
        try:
            raw = dumps(record)
        except TypeError:
            record, problems = tame(record)
            raw = dumps(record)
        if self._redactor.touches(raw):
            record = self._redactor.value(record)
            raw = dumps(record)
        if self._user_key is not None:
            record = self._without_users(record)
            raw = dumps(record)
        for place, problem in problems.items():
            self._reject(job_id, place, problem, record.get(place.split(".")[0]))
        return Reading(job_id, record, raw, problems)

    def _without_query(self, record: Record) -> Record:
        if not any(name in record for name in self._dropped):
            return record
        return {key: value for key, value in record.items() if key not in self._dropped}

    def _without_users(self, record: Record) -> Record:
        """The record with each name it gives a user replaced by a hash wherever it stands."""
        if self._user_key is None:
            return record
        hashes: dict[str, str] = {}
        for name in self.kind.users:
            user = record.get(name)
            if user is not None and user != "":
                shown = user if isinstance(user, str) else dumps(user).decode()
                hashes[shown] = user_hash(self._user_key, shown)
                record = {**record, name: shown}
        return _replaced(record, hashes) if hashes else record

    def merged(self, listed: Reading, answer: Reading) -> Reading:
        """A listing's record with what the answer by id adds to it or says anew."""
        record = {**listed.record, **answer.record}
        return Reading(listed.job_id, record, dumps(record), {**listed.problems, **answer.problems})

    def row_hash(self, reading: Reading, status: str = "") -> str:
        """32 hexadecimal digits over the job's key and all that its provider said of it.

        The columns of the model follow from those, so a migration of the model changes no hash.
        """
        raw = reading.raw
        volatile = self.kind.volatile
        if volatile and any(name in reading.record for name in volatile):
            raw = dumps({k: v for k, v in reading.record.items() if k not in volatile})
        digest = hashlib.blake2b(self._salt, digest_size=16)
        digest.update(orjson.dumps([reading.job_id, status]))
        digest.update(raw)
        return digest.hexdigest()

    def updated_at(self, readings: Sequence[Reading]) -> list[datetime | None]:
        """When each job last changed, as its provider says."""
        return self._column("updated_at", readings, report=False)

    def created_at(self, readings: Sequence[Reading]) -> list[datetime | None]:
        """When each job was created, as its provider says."""
        return self._column("created_at", readings, report=False)

    def words(self, readings: Sequence[Reading]) -> list[str | None]:
        """The provider's word for where each job stands."""
        return self._column("provider_status", readings, report=False)

    def jobs(self, readings: Sequence[Reading]) -> pa.Table:
        """The rows of these jobs, with `JOBS` as the schema."""
        columns = {name: self._column(name, readings) for name in _READ}
        count = len(readings)
        if self.kind.operation is not None:
            columns["operation"] = [self.kind.operation] * count
        if self.kind.rest_succeeded:
            columns["records_succeeded"] = [
                None if done is None or failed is None else done - failed
                for done, failed in zip(
                    columns["records_processed"], columns["records_failed"], strict=True
                )
            ]
        status = [
            self._status(word, failed, reading.record)
            for word, failed, reading in zip(
                columns["provider_status"], columns["records_failed"], readings, strict=True
            )
        ]
        columns["status"] = status
        terminal = [word not in OPEN for word in status]
        columns["is_terminal"] = terminal
        _derive(columns, terminal)
        columns["source"] = [self._source] * count
        columns["provider"] = [self._provider] * count
        columns["kind"] = [self.kind.name] * count
        columns["job_id"] = [reading.job_id for reading in readings]
        columns["raw"] = [reading.raw.decode() for reading in readings]
        columns["row_hash"] = [self.row_hash(reading) for reading in readings]
        return pa.table(
            [pa.array(columns[column.name], column.type) for column in JOBS], schema=JOBS
        )

    def vanished(self, readings: Sequence[Reading]) -> pa.Table:
        """The rows of open jobs that their provider no longer knows."""
        rows = self.jobs(readings)
        count = len(readings)
        hashes = [self.row_hash(reading, Status.VANISHED) for reading in readings]
        for name, values in (
            ("status", [Status.VANISHED] * count),
            ("is_terminal", [True] * count),
            ("row_hash", hashes),
        ):
            at = JOBS.get_field_index(name)
            rows = rows.set_column(at, JOBS.field(at), pa.array(values, JOBS.field(at).type))
        return rows

    def _status(self, word: str | None, failed: int | None, record: Record) -> Status:
        status = self._statuses.get(word)
        if status is None:
            status = self.kind.words.get((word or "").lower(), Status.UNKNOWN)
            self._statuses[word] = status
        if self.kind.refine is not None:
            status = self.kind.refine(record, status)
        return Status.PARTIAL if status is Status.SUCCEEDED and failed else status

    def _column(self, name: str, readings: Sequence[Reading], *, report: bool = True) -> list[Any]:
        column = self.kind.fields.get(name)
        if column is None:
            return [None] * len(readings)
        if len(column.places) > 1:
            return [self._value(column, reading, report=report) for reading in readings]
        ((place, read),) = column.places
        is_nested = "." in place
        values: list[Any] = []
        for reading in readings:
            value = _at(reading.record, place) if is_nested else reading.record.get(place)
            if value is None or value == "" or place in reading.problems:
                values.append(None)
                continue
            try:
                values.append(read(value))
            except ValueError as error:
                if report:
                    self._reject(reading.job_id, place, str(error), value)
                values.append(None)
        return values

    def _value(self, column: Field, reading: Reading, *, report: bool) -> Any:
        found: list[Any] = []
        for place, read in column.places:
            value = _at(reading.record, place)
            if value is None or value == "" or place in reading.problems:
                continue
            try:
                found.append(read(value))
            except ValueError as error:
                if report:
                    self._reject(reading.job_id, place, str(error), value)
                continue
            if not column.is_newest:
                break
        return max(found, default=None) if column.is_newest else next(iter(found), None)

    def _reject(self, job_id: str | None, place: str | None, problem: str, original: Any) -> None:
        value = self._redactor.value(tame(original)[0])
        if self._user_key is not None and place in self.kind.users:
            value = user_hash(self._user_key, dumps(value).decode())
        elif isinstance(value, dict):
            value = self._without_users(self._without_query(value))
        self.rejected.append(Rejected(job_id, place, problem, dumps(value).decode()))


def _at(record: Any, place: str) -> Any:
    for part in place.split("."):
        if not isinstance(record, dict):
            return None
        record = record.get(part)
    return record


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    """The value with every name in its texts replaced; a short one only where it stands alone."""
    if isinstance(value, str):
        if value in names:
            return names[value]
        for name, hashed in names.items():
            if len(name) > _SHORT_NAME:
                value = value.replace(name, hashed)
        return value
    if isinstance(value, list):
        return [_replaced(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _replaced(item, names) for key, item in value.items()}
    return value


def _derive(columns: dict[str, list[Any]], terminal: list[bool]) -> None:
    """Fills the columns that follow from others."""
    created, started = columns["created_at"], columns["started_at"]
    reported, updated = columns["finished_at"], columns["updated_at"]
    finished = [
        (end if end is not None else last) if is_over else None
        for is_over, end, last in zip(terminal, reported, updated, strict=True)
    ]
    columns["finished_at_basis"] = [
        None if at is None else "last_modified" if end is None else "reported"
        for at, end in zip(finished, reported, strict=True)
    ]
    columns["finished_at"] = finished
    columns["queue_seconds"] = _spans(created, started)
    columns["total_seconds"] = _spans(created, finished)
    measured = [
        seconds if is_over else None
        for is_over, seconds in zip(terminal, columns["run_seconds"], strict=True)
    ]
    spanned = _spans(started, finished)
    columns["run_seconds"] = [
        span if seconds is None else seconds
        for seconds, span in zip(measured, spanned, strict=True)
    ]
    columns["run_basis"] = [
        "reported" if seconds is not None else None if span is None else "timestamps"
        for seconds, span in zip(measured, spanned, strict=True)
    ]


def _spans(starts: list[datetime | None], ends: list[datetime | None]) -> list[float | None]:
    return [
        None if start is None or end is None else (end - start).total_seconds()
        for start, end in zip(starts, ends, strict=True)
    ]
