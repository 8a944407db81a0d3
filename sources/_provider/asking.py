"""Asking a provider for single jobs: details that a listing lacks, and open jobs it lost."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from jobledger.sources._provider.client import Client
from jobledger.sources._provider.errors import (
    BadReply,
    NotAvailable,
    NotFound,
    ProviderError,
    Refused,
    TokenNotTaken,
)
from jobledger.sources._provider.kind import Ask, Kind, unwrapped
from jobledger.sources._provider.reader import Reader
from jobledger.sources._provider.readings import Reading

_REFUSALS: Final = frozenset({400, 403, 404})
_FAULTS_IN_A_ROW: Final = 5
"""After so many the provider is not asked for more details in this sync."""


class Budget:
    """How many details a source may still fetch in this sync; shared by its kinds.

    Each kind has a share for what earlier syncs left over: or else one whose listing is quick, and
    has enough that is new, would come first in every sync.
    """

    def __init__(self, details: int, owed: Mapping[str, int] = MappingProxyType({})) -> None:
        """`owed` is how many details of each kind are left over."""
        total = max(sum(owed.values()), 1)
        self._left = details
        self._kept = {kind: min(count, details * count // total) for kind, count in owed.items()}
        self._lock = threading.Lock()

    def take(self, wanted: int) -> int:
        """As many as are left beside the shares, `wanted` at the most."""
        with self._lock:
            return self._taken(wanted)

    def take_owed(self, kind: str, wanted: int) -> int:
        """As many as are left beside the shares of other kinds, `wanted` at the most."""
        with self._lock:
            self._kept.pop(kind, None)
            return self._taken(wanted)

    def release(self, kind: str) -> None:
        """Nobody will ask for what the kind has left over."""
        with self._lock:
            self._kept.pop(kind, None)

    def _taken(self, wanted: int) -> int:
        taken = min(wanted, self._left - sum(self._kept.values()))
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
    is_untaken: bool = False
    """The same was asked before, where a way of asking took no token."""


@dataclass(frozen=True)
class Answer:
    """What came of it: a reading or an error."""

    question: Question
    reading: Reading | None = None
    """The job as it is now."""
    said: Reading | None = None
    """What of it the answer itself said."""
    error: ProviderError | None = None
    is_part: bool = False
    """Another way of asking, which would have told the rest, was refused."""
    is_not_taken: bool = False
    """A way of asking takes no token in this sync, which another one may find otherwise."""
    is_torn: bool = False
    """It comes from two requests between which the job changed."""
    is_asked: bool = True
    """False where an earlier fault left no hope of an answer."""

    @property
    def is_gone(self) -> bool:
        """The provider says that there is no such job."""
        return isinstance(self.error, NotFound)

    @property
    def is_refused(self) -> bool:
        """The provider answered, and would not tell (400, 403, 404).

        A limit or a login that fails may come with the same HTTP status, and a gateway's page
        with 404: those say nothing of the job.
        """
        if isinstance(self.error, NotFound | NotAvailable):
            return True
        return isinstance(self.error, Refused) and self.error.status in _REFUSALS


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
        self._closed: dict[Ask, TokenNotTaken] = {}

    def ask(self, questions: Sequence[Question]) -> Iterator[Answer]:
        """The answers, in the order of the questions."""
        return iter(self._pool.map(self._one, questions))

    def _one(self, question: Question) -> Answer:
        if self.fault is not None and (self.fault.ends_account or self._faults >= _FAULTS_IN_A_ROW):
            return Answer(question, error=self.fault, is_asked=False)
        if question.is_untaken and self._closed:
            # one that finds it still closed tells enough for all of them
            closed = next(iter(self._closed.values()))
            return Answer(question, error=closed, is_not_taken=True, is_asked=False)
        refusal: ProviderError | None = None
        said: Reading | None = None
        adds, is_whole, is_torn, is_not_taken = question.is_listed, False, False, False
        for ask in self._kind.one:
            if ask.only is not None and not ask.only((said or question.base).record):
                continue
            if ask in self._closed:
                refusal, is_not_taken = refusal or self._closed[ask], True
                continue
            try:
                found = self._found(ask, question)
            except ProviderError as error:
                if isinstance(error, TokenNotTaken):
                    self._closed[ask], is_not_taken = error, True
                answer = Answer(question, error=error)
                if not answer.is_refused:
                    self.fault = error
                    self._faults += 1
                    return answer
                # one way says that the job is gone: another that will not tell changes nothing
                refusal = refusal if isinstance(refusal, NotFound) else error
            else:
                self._faults = 0
                adds = adds or (ask.adds_to_listing and said is None)
                if said is not None:
                    before, after = self._reader.words(said, found)
                    is_torn = before != after
                said = found if said is None else self._reader.merged(said, found)
                is_whole = ask.is_enough is None or ask.is_enough(found.record)
                if is_whole:
                    break
        if said is None:
            return Answer(question, error=refusal, is_not_taken=is_not_taken)
        reading = self._reader.merged(question.base, said) if adds else said
        is_part = refusal is not None and not is_whole
        return Answer(
            question,
            reading,
            said,
            is_part=is_part,
            is_not_taken=is_not_taken,
            is_torn=is_torn,
        )

    def _found(self, ask: Ask, question: Question) -> Reading:
        path = ask.path.format(id=quote(question.job_id, safe=""), version=self._version)
        record = unwrapped(
            self._client.get(path, session_header=ask.session_header), self._kind.id_field
        )
        reading = self._reader.take(record)
        if reading is None or reading.job_id != question.job_id:
            raise BadReply(f"asked for job {question.job_id}, got something else")
        return reading
