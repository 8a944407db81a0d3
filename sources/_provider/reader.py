"""From records to jobs: a provider's page becomes rows of the job model.

Columns are read one after the other over many records, at once where that can be (`columns`). A
value that cannot be read becomes NULL and is reported; it costs neither its job nor its page.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from jobledger.sources._provider.columns import Column, whole_columns
from jobledger.sources._provider.fields import Field, read_code
from jobledger.sources._provider.json_text import dumps, tame
from jobledger.sources._provider.kind import Kind, Provider
from jobledger.sources._provider.model import JOBS, OPEN, Record, Status
from jobledger.sources._provider.privacy import Privacy
from jobledger.sources._provider.readings import Reading, Readings
from jobledger.sources._provider.redact import Redactor
from jobledger.sources._provider.settings import SourceSettings

_READ: Final = (
    *("object", "operation", "provider_status", "created_at", "started_at", "finished_at"),
    *("updated_at", "run_seconds", "records_total", "records_processed", "records_succeeded"),
    *("records_failed", "progress", "error_code", "error_message", "created_by"),
    *("input_bytes", "output_bytes"),
)
"""The columns that a provider's fields may fill; the others follow from them."""
_UNCHANGING: Final = ("object", "operation", "created_at", "created_by")
"""Columns that a job has from its beginning, or never."""
_OPEN: Final = pa.array(sorted(OPEN), pa.string())
_NO_PROBLEMS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class Rejected:
    """A record, or a field of one, that could not be read."""

    job_id: str | None
    field: str | None
    problem: str
    raw: str
    """What the provider wrote, redacted."""


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
        self._privacy = Privacy(kind, user_key, keeps_query=settings.keep_query_text)
        places = (each.places for each in kind.fields.values())
        self._read_whole = {place for each in places for place, _ in each if "." not in place}
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

    def take_page(self, items: Sequence[Any]) -> Readings:
        """What is kept of these items, and of their records only those that are jobs."""
        if self._privacy.hides:
            return self._taken(items)
        try:
            raws = list(map(dumps, items))
            ids = [item[self.kind.id_field] for item in items]
        except (TypeError, KeyError):
            return self._taken(items)
        # one look over all of them tells that nothing needs redaction, which is the usual case
        if not _are_plain(ids) or self._redactor.touches(b"\n".join(raws)):
            return self._taken(items)
        return Readings(
            ids,
            list(items),
            # a text takes its own length; orjson's bytes keep the room that they were written in
            [raw.decode() for raw in raws],
            [_NO_PROBLEMS] * len(ids),
            self._hashed(ids, self._steady(items, raws)),
        )

    def _taken(self, items: Sequence[Any]) -> Readings:
        taken = map(self.take, items)
        return Readings.of(reading for reading in taken if reading is not None)

    def identities(self, items: Sequence[Any]) -> list[str]:
        """What tells one item of a listing from another: a job's id, else all that it says."""
        try:
            ids = [item[self.kind.id_field] for item in items]
            if _are_plain(ids):
                return ids
        except (TypeError, KeyError):
            pass
        return list(map(self._identity, items))

    def _identity(self, item: Any) -> str:
        if isinstance(item, dict):
            job_id = item.get(self.kind.id_field)
            if job_id is not None and job_id != "":
                return str(job_id)
        return dumps(tame(item)[0]).decode()

    def report(self, readings: Readings) -> None:
        """Reads jobs only to say what of them cannot be read."""
        self.columns(self.kind.fields, readings, report=True)

    def _kept(self, job_id: str, record: Record) -> Reading:
        problems: Mapping[str, str] = {}
        record = self._privacy.without_query(record)
        try:
            raw = dumps(record)
        except TypeError:
            record, problems = tame(record)
            raw = dumps(record)
        if self._redactor.touches(raw):
            record = self._redactor.value(record)
            raw = dumps(record)
        if self._privacy.hides_users:
            record = self._privacy.without_users(record)
            raw = dumps(record)
        for place, problem in problems.items():
            self._reject(job_id, place, problem, record.get(place.split(".")[0]))
        return Reading(job_id, record, raw.decode(), problems)

    def merged(self, listed: Reading, answer: Reading) -> Reading:
        """A listing's record with what the answer by id adds to it or says anew.

        The documented detail of a closed Classic job is dated by its creation: with the same word
        for where the job stands, that does not take back when it last changed.
        """
        record = {**listed.record, **answer.record}
        changed = self.kind.fields.get("updated_at")
        dates = [place for place, _ in changed.places] if changed else []
        told = {place: listed.record[place] for place in dates if place in listed.record}
        if any(record[place] != at for place, at in told.items()) and self._is_dated_by_creation(
            listed, answer
        ):
            record |= told
        problems = {**listed.problems, **answer.problems}
        return Reading(listed.job_id, record, dumps(record).decode(), problems)

    def says_more(self, answer: Reading, known: Reading) -> bool:
        """Whether an answer by id says anything of the job that is not known already.

        What it leaves out changes nothing about the job, nor does what only such answers say and
        no column reads: the next listing would take it back, and the next answer add it again.
        """
        both = answer.record.keys() & known.record.keys()
        others = {name for name in both if answer.record[name] != known.record[name]}
        # of what a column reads whole, the value counts: a time may be written in another way
        if others - self._read_whole:
            return True
        if not others and len(both) == len(answer.record):
            return False
        columns = self.columns(_READ, Readings.of([known, self.merged(known, answer)]))
        return any(each[0].as_py() != each[1].as_py() for each in columns.values())

    def kept_of(self, known: Reading, answer: Reading) -> Reading:
        """An answer by id with what it leaves out and no job ever changes, as it was known."""
        fields = [self.kind.fields[name] for name in _UNCHANGING if name in self.kind.fields]
        places = {place for each in fields for place, _ in each.places}
        lacks = places & known.record.keys() - answer.record.keys()
        if not lacks:
            return answer
        record = {**answer.record, **{place: known.record[place] for place in lacks}}
        return Reading(answer.job_id, record, dumps(record).decode(), answer.problems)

    def ends_without_its_times(self, now: Reading, before: Reading) -> bool:
        """Whether a job that was open has ended, and lost a time that it had.

        Where a job's time of change is the newest of its times, such an end looks older than what
        came before it, and is not.
        """
        changed = self.kind.fields.get("updated_at")
        if changed is None or not changed.is_newest:
            return False
        has_lost = any(
            _at(before.record, place) and not _at(now.record, place) for place, _ in changed.places
        )
        return has_lost and self._statuses(now)[0] not in OPEN

    def _statuses(self, *readings: Reading) -> list[str | None]:
        many = Readings.of(readings)
        columns = self.columns(("provider_status", "records_failed"), many)
        return self._status(columns, many).to_pylist()

    def _is_dated_by_creation(self, listed: Reading, answer: Reading) -> bool:
        columns = self.columns(("created_at", "updated_at"), Readings.of([listed, answer]))
        listed_at, answered_at = columns["updated_at"].to_pylist()
        created_at = columns["created_at"].to_pylist()[1]
        word, said = self.words(listed, answer)
        is_earlier = listed_at and answered_at and answered_at < listed_at
        return bool(is_earlier) and answered_at == created_at and word == said

    def row_hash(self, reading: Reading) -> str:
        """`row_hashes` of one."""
        (reading.row_hash,) = self.row_hashes(Readings.of([reading]))
        return reading.row_hash

    def row_hashes(self, readings: Readings) -> list[str]:
        """32 hexadecimal digits over each job's key and all that its provider said of it.

        The columns of the model follow from those, so a migration of the model changes no hash.
        """
        if "" in readings.hashes:
            readings.hashes = self._hashed(readings.ids, self._all_steady(readings))
        return readings.hashes

    def _hashed(self, ids: Sequence[str], raws: Sequence[bytes], status: str = "") -> list[str]:
        salted, keys = self._salted, (orjson.dumps([job_id, status]) for job_id in ids)
        found = []
        for key, raw in zip(keys, raws, strict=True):
            digest = salted.copy()
            digest.update(key + raw)
            found.append(digest.hexdigest())
        return found

    def _all_steady(self, readings: Readings) -> Sequence[bytes]:
        return self._steady(readings.records, [raw.encode() for raw in readings.raws])

    def _steady(self, records: Sequence[Record], raws: Sequence[bytes]) -> Sequence[bytes]:
        """The records without what ticks."""
        volatile = self.kind.volatile
        if not volatile:
            return raws
        return [
            dumps({name: value for name, value in record.items() if name not in volatile})
            if any(name in record for name in volatile)
            else raw
            for record, raw in zip(records, raws, strict=True)
        ]

    def updated_at(self, *readings: Reading) -> list[datetime | None]:
        """When each job last changed, as its provider says."""
        return self.columns(("updated_at",), Readings.of(readings))["updated_at"].to_pylist()

    def words(self, *readings: Reading) -> list[str | None]:
        """The provider's word for where each job stands, in small letters."""
        words = self.columns(("provider_status",), Readings.of(readings))
        return [word and word.lower() for word in words["provider_status"].to_pylist()]

    def columns(
        self, names: Iterable[str], readings: Readings, *, report: bool = False
    ) -> dict[str, Column]:
        """Columns that the provider's records fill; says what cannot be read where wanted."""
        fields = {name: self.kind.fields.get(name) for name in names}
        unread = {name: where for name, where in fields.items() if name not in readings.read}
        readings.read |= _at_once(unread, readings)
        columns = {name: readings.read[name] for name in fields if name in readings.read}
        for name, where in fields.items():
            if name in columns:
                continue
            type_ = JOBS.field(name).type
            if where is None:
                columns[name] = pa.nulls(len(readings), type_)
            else:
                values = [self._value(where, each, report=report) for each in readings]
                columns[name] = pa.array(values, type_)
        return columns

    def jobs(self, readings: Readings) -> pa.Table:
        """The rows of these jobs, with `JOBS` as the schema."""
        columns = self.columns(_READ, readings, report=True)
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
        columns["job_id"] = pa.array(readings.ids, pa.string())
        columns["raw"] = pa.array(readings.raws, pa.string())
        columns["row_hash"] = pa.array(self.row_hashes(readings), pa.string())
        return pa.table([columns[column.name] for column in JOBS], schema=JOBS)

    def vanished(self, readings: Readings) -> pa.Table:
        """The rows of open jobs that their provider no longer knows."""
        rows = self.jobs(readings)
        count = len(readings)
        hashes = self._hashed(readings.ids, self._all_steady(readings), Status.VANISHED)
        for name, values in (
            ("status", [Status.VANISHED] * count),
            ("is_terminal", [True] * count),
            ("row_hash", hashes),
        ):
            at = JOBS.get_field_index(name)
            rows = rows.set_column(at, JOBS.field(at), pa.array(values, JOBS.field(at).type))
        return rows

    def _status(self, columns: Mapping[str, Column], readings: Readings) -> Column:
        told = columns["provider_status"].dictionary_encode(null_encoding="encode")
        words = [
            self.kind.words.get((word or "").lower(), Status.UNKNOWN)
            for word in told.dictionary.to_pylist()
        ]
        statuses = pa.array(words, pa.string()).take(told.indices)
        if self.kind.refine is not None:
            refined = [
                self.kind.refine(record, Status(str(status)))
                for record, status in zip(readings.records, statuses.to_pylist(), strict=True)
            ]
            statuses = pa.array(refined, pa.string())
        # where the number is not known this is NULL, and such a job keeps its status
        has_failed = pc.greater(columns["records_failed"], pa.scalar(0))
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
        place = tame(place)[0]
        value = self._privacy.of(place, value)
        # a place that two columns are read from is told once
        if job_id is None or place is None or (job_id, place, problem) not in self._rejected_places:
            self._rejected_places.add((job_id, place, problem))
            self.rejected.append(Rejected(job_id, place, problem, dumps(value).decode()))


def _are_plain(ids: Sequence[Any]) -> bool:
    return set(map(type, ids)) == {str} and "" not in ids and "".join(ids).isascii()


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


def _at_once(fields: Mapping[str, Field | None], readings: Readings) -> dict[str, Column]:
    """The columns that can be read at once."""
    # what was tamed does not stand there as it was written
    if any(readings.problems):
        return {}
    places = {
        name: where.places[0]
        for name, where in fields.items()
        if where is not None and len(where.places) == 1
    }
    return whole_columns(places, readings.records)


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
