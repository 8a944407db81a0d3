"""Records that are jobs, as they are kept: one, and very many side by side."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Self

import pyarrow as pa

from jobledger.sources._provider.columns import Column
from jobledger.sources._provider.model import Record


@dataclass(slots=True)
class Reading:
    """One record that is a job: its id, and what is kept of it."""

    job_id: str
    record: Record
    raw: str
    """The record as canonical JSON, redacted."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Place in the record -> why `raw` does not say what the provider wrote there."""
    row_hash: str = ""
    """Filled in by `Reader.row_hashes`."""


@dataclass(slots=True)
class Readings:
    """Readings side by side, which takes less than an object for each of very many."""

    ids: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    raws: list[str] = field(default_factory=list)
    problems: list[Mapping[str, str]] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    read: dict[str, Column] = field(default_factory=dict, init=False)
    """Columns that were read of them at once."""

    @classmethod
    def of(cls, readings: Iterable[Reading]) -> Self:
        """These, side by side."""
        many = cls()
        for each in readings:
            many.add(each)
        return many

    def add(self, reading: Reading) -> None:
        """One more."""
        self.ids.append(reading.job_id)
        self.records.append(reading.record)
        self.raws.append(reading.raw)
        self.problems.append(reading.problems)
        self.hashes.append(reading.row_hash)
        self.read = {}

    def extend(self, others: "Readings") -> None:
        """As many more."""
        for mine, theirs in zip(self.lists(), others.lists(), strict=True):
            mine.extend(theirs)
        self.read = {}

    def those(self, wanted: Sequence[bool]) -> "Readings":
        """Those for which it is true."""
        if all(wanted):
            return self
        found = Readings(*(list(compress(each, wanted)) for each in self.lists()))
        found.read = {name: each.filter(pa.array(wanted)) for name, each in self.read.items()}
        return found

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Reading]:
        return map(Reading, *self.lists())

    def lists(self) -> Iterator[list[Any]]:
        """Each part of a reading, of all of them."""
        yield from (self.ids, self.records, self.raws, self.problems, self.hashes)
