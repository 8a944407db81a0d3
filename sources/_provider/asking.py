"""Asking a provider for single jobs: details that a listing lacks, and open jobs it lost."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from jobledger.sources._provider.client import Client
from jobledger.sources._provider.errors import (
    BadReply,
    NotAvailable,
    NotFound,
    ProviderError,
    Refused,
)
from jobledger.sources._provider.kind import Ask, Kind, unwrapped
from jobledger.sources._provider.reading import Reader, Reading

_REFUSALS: Final = frozenset({400, 403, 404})
_FAULTS_IN_A_ROW: Final = 5
"""After so many the provider is not asked for more details in this sync."""


class Budget:
    """How many details a source may still fetch in this sync; shared by its kinds."""

    def __init__(self, details: int) -> None:
        self._left = details
        self._lock = threading.Lock()

    def take(self, wanted: int = 1) -> int:
        """As many as are left, `wanted` at the most."""
        with self._lock:
            taken = min(wanted, self._left)
            self._left -= taken
            return taken


@dataclass(frozen=True)
class Question:
    """A job to ask for."""

    job_id: str
    base: Reading
    """What is known of it: the listing's record, else the ledger's."""
    is_listed: bool = True
    """`base` is what the listing says now, and the answer adds to it."""


@dataclass(frozen=True)
class Answer:
    """What came of it: a reading or an error."""

    question: Question
    reading: Reading | None = None
    error: ProviderError | None = None
    is_asked: bool = True
    """False where an earlier fault left no hope of an answer."""

    @property
    def is_gone(self) -> bool:
        """The provider says that there is no such job."""
        return isinstance(self.error, NotFound)

    @property
    def is_refused(self) -> bool:
        """The provider answered, and would not tell (400, 403, 404).

        Limits come as 403 too, and a gateway's page as 404: those say nothing of the job.
        """
        return self.is_gone or (
            isinstance(self.error, Refused | NotAvailable) and self.error.status in _REFUSALS
        )


class Asker:
    """Asks for the jobs of one kind, a few at a time."""

    def __init__(
        self, kind: Kind, client: Client, reader: Reader, pool: Executor, version: str
    ) -> None:
        self.fault: ProviderError | None = None
        """The last answer that was neither a job nor a refusal."""
        self._kind = kind
        self._client = client
        self._reader = reader
        self._pool = pool
        self._version = version
        self._faults = 0

    def ask(self, questions: Sequence[Question]) -> Iterator[Answer]:
        """The answers, in the order of the questions."""
        return iter(self._pool.map(self._one, questions))

    def _one(self, question: Question) -> Answer:
        if self.fault is not None and (self.fault.ends_account or self._faults >= _FAULTS_IN_A_ROW):
            return Answer(question, error=self.fault, is_asked=False)
        refusal: ProviderError | None = None
        so_far: Reading | None = None
        for ask in self._kind.one:
            base = question.base if so_far is None else so_far
            if ask.only is not None and not ask.only(base.record):
                continue
            try:
                reading = self._reading(ask, question, base)
            except ProviderError as error:
                answer = Answer(question, error=error)
                if not answer.is_refused:
                    self.fault = error
                    self._faults += 1
                    return answer
                # one way says that the job is gone: another that will not tell changes nothing
                refusal = refusal if isinstance(refusal, NotFound) else error
            else:
                self._faults = 0
                if ask.is_enough is None or ask.is_enough(reading.record):
                    return Answer(question, reading)
                so_far = reading
        return Answer(question, so_far, None if so_far is not None else refusal)

    def _reading(self, ask: Ask, question: Question, base: Reading) -> Reading:
        path = ask.path.format(id=quote(question.job_id, safe=""), version=self._version)
        record = unwrapped(self._client.get(path, session_header=ask.session_header))
        reading = self._reader.take(record)
        if reading is None or reading.job_id != question.job_id:
            raise BadReply(f"asked for job {question.job_id}, got something else")
        if question.is_listed or ask.adds_to_listing:
            return self._reader.merged(base, reading)
        return reading
