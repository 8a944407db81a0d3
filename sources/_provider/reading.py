"""From records to jobs: a provider's page becomes rows of the job model.

Columns are read one after the other over many records, at once where that can be (`columns`). A
value that cannot be read becomes NULL and is reported; it costs neither its job nor its page.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from jobledger.sources._provider.columns import Column, Unusual, whole_column
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
_OPEN: Final = pa.array(sorted(OPEN), pa.string())
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
    row_hash: str = ""
    """Filled in by `Reader.row_hash`."""


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
        self._rejected_places: set[tuple[str | None, str | None, str]] = set()
        self._source = settings.name
        self._provider = provider.name
        self._redactor = redactor
        self._user_key = user_key
        self._dropped = () if settings.keep_query_text else kind.query_text
        self._salted = hashlib.blake2b(orjson.dumps([settings.name, kind.name]), digest_size=16)

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

    def take_page(self, items: Sequence[Any]) -> list[Reading | None]:
        """`take` for each of these items."""
        if self._dropped or self._user_key is not None:
            return [self.take(item) for item in items]
        try:
            raws = [dumps(item) for item in items]
        except TypeError:
            return [self.take(item) for item in items]
        # one look over all of them tells that nothing needs redaction, which is the usual case
        if self._redactor.touches(b"\n".join(raws)):
            return [self.take(item) for item in items]
        id_field = self.kind.id_field
        return [
            Reading(item[id_field], item, raw)
            if isinstance(item, dict) and _is_plain_id(item.get(id_field))
            else self.take(item)
            for item, raw in zip(items, raws, strict=True)
        ]

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
        self._columns(self.kind.fields, rows, report=True)

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

    def row_hash(self, reading: Reading) -> str:
        """32 hexadecimal digits over the job's key and all that its provider said of it.

        The columns of the model follow from those, so a migration of the model changes no hash.
        """
        if not reading.row_hash:
            reading.row_hash = self._hash(reading)
        return reading.row_hash

    def _hash(self, reading: Reading, status: str = "") -> str:
        raw = reading.raw
        volatile = self.kind.volatile
        if volatile and any(name in reading.record for name in volatile):
            raw = dumps({k: v for k, v in reading.record.items() if k not in volatile})
        digest = self._salted.copy()
        digest.update(orjson.dumps([reading.job_id, status]))
        digest.update(raw)
        return digest.hexdigest()

    def updated_at(self, readings: Sequence[Reading]) -> list[datetime | None]:
        """When each job last changed, as its provider says."""
        return self.column("updated_at", readings).to_pylist()

    def created_at(self, readings: Sequence[Reading]) -> list[datetime | None]:
        """When each job was created, as its provider says."""
        return self.column("created_at", readings).to_pylist()

    def words(self, readings: Sequence[Reading]) -> list[str | None]:
        """The provider's word for where each job stands."""
        return self.column("provider_status", readings).to_pylist()

    def column(self, name: str, readings: Sequence[Reading]) -> Column:
        """A column that the provider's records fill."""
        return self._columns((name,), readings, report=False)[name]

    def _columns(
        self, names: Iterable[str], readings: Sequence[Reading], *, report: bool
    ) -> dict[str, Column]:
        """Columns that the provider's records fill; says what cannot be read where wanted."""
        records = [reading.record for reading in readings]
        has_problems = any(reading.problems for reading in readings)
        columns: dict[str, Column] = {}
        for name in names:
            type_, where = JOBS.field(name).type, self.kind.fields.get(name)
            if where is None:
                columns[name] = pa.nulls(len(readings), type_)
                continue
            try:
                if has_problems or len(where.places) > 1:
                    raise Unusual  # noqa: TRY301 - as if a value were
                ((place, read),) = where.places
                columns[name] = whole_column(read, _all_at(records, place))
            except Unusual:
                values = [self._value(where, reading, report=report) for reading in readings]
                columns[name] = pa.array(values, type_)
        return columns

    def jobs(self, readings: Sequence[Reading]) -> pa.Table:
        """The rows of these jobs, with `JOBS` as the schema."""
        columns = self._columns(_READ, readings, report=True)
        count = len(readings)
        if self.kind.operation is not None:
            columns["operation"] = _same(self.kind.operation, count)
        if self.kind.rest_succeeded:
            columns["records_succeeded"] = pc.subtract(
                columns["records_processed"], columns["records_failed"]
            )
        columns["status"] = self._status(columns, readings)
        _derive(columns)
        columns["source"] = _same(self._source, count)
        columns["provider"] = _same(self._provider, count)
        columns["kind"] = _same(self.kind.name, count)
        columns["job_id"] = pa.array([reading.job_id for reading in readings], pa.string())
        columns["raw"] = pa.array([reading.raw for reading in readings], pa.string())
        columns["row_hash"] = pa.array([self.row_hash(reading) for reading in readings])
        return pa.table([columns[column.name] for column in JOBS], schema=JOBS)

    def vanished(self, readings: Sequence[Reading]) -> pa.Table:
        """The rows of open jobs that their provider no longer knows."""
        rows = self.jobs(readings)
        count = len(readings)
        hashes = [self._hash(reading, Status.VANISHED) for reading in readings]
        for name, values in (
            ("status", [Status.VANISHED] * count),
            ("is_terminal", [True] * count),
            ("row_hash", hashes),
        ):
            at = JOBS.get_field_index(name)
            rows = rows.set_column(at, JOBS.field(at), pa.array(values, JOBS.field(at).type))
        return rows

    def _status(self, columns: Mapping[str, Column], readings: Sequence[Reading]) -> Column:
        told = columns["provider_status"].dictionary_encode(null_encoding="encode")
        words = [
            self.kind.words.get((word or "").lower(), Status.UNKNOWN)
            for word in told.dictionary.to_pylist()
        ]
        statuses = pa.array(words, pa.string()).take(told.indices)
        if self.kind.refine is not None:
            refined = [
                self.kind.refine(reading.record, Status(str(status)))
                for reading, status in zip(readings, statuses.to_pylist(), strict=True)
            ]
            statuses = pa.array(refined, pa.string())
        # where the number is not known this is NULL, and such a job keeps its status
        has_failed = pc.not_equal(columns["records_failed"], pa.scalar(0))
        is_partial = pc.and_(pc.equal(statuses, pa.scalar(str(Status.SUCCEEDED))), has_failed)
        partial: Column = pc.if_else(is_partial, str(Status.PARTIAL), statuses)
        return pc.coalesce(partial, statuses)

    def _value(self, column: Field, reading: Reading, *, report: bool) -> Any:
        found: list[Any] = []
        for place, read in column.places:
            value = _at(reading.record, place)
            if value is None or value == "" or place in reading.problems:
                continue
            if isinstance(value, _NoObject):
                if report:
                    outer = place.rpartition(".")[0]
                    self._reject(reading.job_id, outer, "expected an object", value.value)
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
        # a place that two columns are read from is told once
        if job_id is None or place is None or (job_id, place, problem) not in self._rejected_places:
            self._rejected_places.add((job_id, place, problem))
            self.rejected.append(Rejected(job_id, place, problem, dumps(value).decode()))


def _is_plain_id(value: Any) -> bool:
    return isinstance(value, str) and value != "" and value.isascii()


@dataclass(frozen=True)
class _NoObject:
    """What stands where an object should."""

    value: Any


def _at(record: Any, place: str) -> Any:
    for part in place.split("."):
        if not isinstance(record, dict):
            return None if record is None or record == "" else _NoObject(record)
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


def _all_at(records: Iterable[Record], place: str) -> list[Any]:
    if "." in place:
        return [_at(record, place) for record in records]
    return [record.get(place) for record in records]


def _same(value: str, count: int) -> Column:
    return pa.repeat(pa.scalar(value, pa.string()), count)


def _derive(columns: dict[str, Column]) -> None:
    """Fills the columns that follow from others."""
    created, started = columns["created_at"], columns["started_at"]
    reported, updated = columns["finished_at"], columns["updated_at"]
    terminal = pc.invert(pc.is_in(columns["status"], value_set=_OPEN))
    finished = pc.if_else(terminal, pc.coalesce(reported, updated), None)
    columns["is_terminal"] = terminal
    columns["finished_at"] = finished
    columns["finished_at_basis"] = pc.if_else(
        finished.is_null(), None, pc.if_else(reported.is_null(), "last_modified", "reported")
    )
    columns["queue_seconds"] = _spans(created, started)
    columns["total_seconds"] = _spans(created, finished)
    measured = pc.if_else(terminal, columns["run_seconds"], None)
    spanned = _spans(started, finished)
    columns["run_seconds"] = pc.coalesce(measured, spanned)
    columns["run_basis"] = pc.if_else(
        measured.is_valid(), "reported", pc.if_else(spanned.is_valid(), "timestamps", None)
    )


def _spans(starts: Column, ends: Column) -> Column:
    microseconds = pc.subtract(ends, starts).cast(pa.int64())
    return pc.divide(microseconds.cast(pa.float64(), safe=False), 1e6)
