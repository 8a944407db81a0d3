"""What a listing does not tell of its jobs: asked for by id, and remembered while it is owed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pyarrow as pa

from jobledger.sources._provider.asking import Answer, Asker, Budget, Question
from jobledger.sources._provider.json_text import loads
from jobledger.sources._provider.known import Detail, KnownJob, News
from jobledger.sources._provider.model import DETAILS
from jobledger.sources._provider.reader import Reader
from jobledger.sources._provider.readings import Reading
from jobledger.sources._provider.run import Run


@dataclass(slots=True)
class Item:
    """A job that the listing has news of."""

    reading: Reading
    listing_hash: str
    updated_at: datetime | None
    news: News
    job: KnownJob | None
    """What the ledger has of it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is to be remembered of a job's detail."""

    job_id: str
    listing_hash: str | None
    """The listing that its version was made from."""
    detail: Detail
    is_asked: bool
    """It was asked for now."""
    asked_before: datetime | None


@dataclass
class Settled:
    """What is to be loaded of some jobs."""

    found: list[tuple[Reading, KnownJob | None]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


class Details:
    """The details of one kind in one sync."""

    def __init__(self, reader: Reader, asker: Asker, budget: Budget, run: Run) -> None:
        self.pending: set[str] = set()
        """The jobs whose detail is still owed."""
        self._reader = reader
        self._asker = asker
        self._budget = budget
        self._run = run
        self._owed: dict[str, KnownJob] = {}
        self._is_due = False
        self._early: dict[str, Answer] = {}

    def owe(self, owed: Sequence[KnownJob]) -> None:
        """Takes note of what earlier syncs left over."""
        self._owed = {job.job_id: job for job in owed}
        self.pending = set(self._owed)
        self._is_due = bool(owed)

    def fetch_owed(self) -> None:
        """Asks for it, once, before any other detail and as far as the budget goes.

        Not before the listing: where calls run out, a page of it is worth a thousand details.
        """
        if not self._is_due:
            return
        self._is_due = False
        owed = list(self._owed.values())
        questions = [
            Question(job.job_id, stored(job), is_listed=False)
            for job in owed[: self._budget.take_owed(self._run.kind, len(owed))]
        ]
        self._early = {answer.question.job_id: answer for answer in self._asked(questions)}

    def _asked(self, questions: Sequence[Question]) -> list[Answer]:
        answers = list(self._asker.ask(questions))
        self._run.details_fetched += sum(answer.reading is not None for answer in answers)
        return answers

    def settle(self, items: Sequence[Item]) -> Settled:
        """What to load of jobs that the listing has news of."""
        answers: dict[str, Answer] = {}
        questions: list[Question] = []
        for item in items:
            early = self._early.pop(item.reading.job_id, None)
            if early is not None and early.said is not None:
                # it was asked for on top of what was known, not of what the listing says now
                merged = self._reader.merged(item.reading, early.said)
                early = replace(early, reading=merged)
            if early is None or not self._is_fresh(early, item.updated_at):
                is_untaken = (
                    item.news is News.RUNNING
                    and item.job is not None
                    and item.job.detail == Detail.NOT_TAKEN
                )
                questions.append(Question(item.reading.job_id, item.reading, is_untaken=is_untaken))
            else:
                answers[item.reading.job_id] = early
        asked = self._asked(questions[: self._budget.take(len(questions))])
        answers.update((answer.question.job_id, answer) for answer in asked)
        settled = Settled()
        for item in items:
            self._settle(item, answers.get(item.reading.job_id), settled)
        return settled

    def _settle(self, item: Item, answer: Answer | None, settled: Settled) -> None:
        job_id, job = item.reading.job_id, item.job
        if answer is not None and answer.is_refused:
            # where nothing was asked, the listing has no news: another way has told more before
            if answer.is_asked and not _is_older(item.updated_at, job):
                self._found(item.reading, job, settled)
            self._mark(job_id, item.listing_hash, _came_to(answer), job, settled)
        elif (
            answer is None
            or answer.reading is None
            or (job is not None and not self._is_fresh(answer, job.updated_at))
            or not self._agrees(answer.reading, item)
        ):
            if job is None:
                settled.found.append((item.reading, None))
            # a known job keeps its version, and the listing that version was made from
            kept = item.listing_hash if job is None else job.listing_hash
            is_asked = answer is not None and answer.is_asked
            self._mark(job_id, kept, Detail.OWED, job, settled, is_asked=is_asked)
        else:
            self._found(answer.reading, job, settled)
            is_behind = answer.is_torn or self._lags(answer.reading, item.reading)
            made_from = None if is_behind else item.listing_hash
            self._mark(job_id, made_from, _came_to(answer), job, settled)

    def _agrees(self, answer: Reading, item: Item) -> bool:
        """Whether an answer is no older than the listing, or has the same word for the job."""
        said, shown = self._reader.words(answer, item.reading)
        (answered_at,) = self._reader.updated_at(answer)
        return said == shown or not (
            answered_at and item.updated_at and answered_at < item.updated_at
        )

    def _lags(self, answer: Reading, listed: Reading) -> bool:
        """Whether the listing knows of a later change than an answer does.

        Where they have another word for the job, times of a whole second do not tell which of the
        two is the newer.
        """
        said, shown = self._reader.words(answer, listed)
        answered_at, listed_at = self._reader.updated_at(answer, listed)
        if answered_at is None or listed_at is None:
            return said != shown
        if said != shown:
            return answered_at <= listed_at
        return answered_at < listed_at

    def asked_early(self, job_id: str) -> Answer | None:
        """What came of asking for a job that was owed, if the listing did not show it since."""
        return self._early.pop(job_id, None)

    def left_over(self) -> Settled:
        """What to load of owed jobs that the listing did not show."""
        settled = Settled()
        for job_id, answer in self._early.items():
            self.settle_unlisted(answer, self._owed[job_id], settled)
        self._early = {}
        return settled

    def settle_unlisted(self, answer: Answer, job: KnownJob, settled: Settled) -> None:
        """What to load of a job that the listing did not show."""
        if answer.reading is None or not (
            self._is_fresh(answer, job.updated_at)
            or self._reader.ends_without_its_times(answer.reading, stored(job))
        ):
            if job.detail == Detail.OWED:
                detail = _came_to(answer) if answer.is_refused else Detail.OWED
                self._mark(
                    job.job_id, job.listing_hash, detail, job, settled, is_asked=answer.is_asked
                )
        elif job.row_hash == job.listing_hash:
            # its version is what a listing said, which only lacked this
            self._found(self._reader.merged(stored(job), answer.reading), job, settled)
            is_behind = answer.is_torn or self._lags(answer.reading, stored(job))
            made_from = None if is_behind else job.listing_hash
            self._mark(job.job_id, made_from, _came_to(answer), job, settled)
        else:
            whole = self._reader.kept_of(stored(job), answer.reading)
            is_new = self._says_more(answer, job) and self._found(whole, job, settled)
            # a listing that shows it again is read whole, since it has no part in this version
            listing_hash = None if is_new or answer.is_torn else job.listing_hash
            self._mark(job.job_id, listing_hash, _came_to(answer), job, settled)

    def table(self, settled: Settled, now: datetime) -> pa.Table:
        """The rows of `DETAILS`."""
        rows = [
            {
                "source": self._run.source,
                "kind": self._run.kind,
                "job_id": mark.job_id,
                "listing_hash": mark.listing_hash,
                "detail": mark.detail,
                # who was not reached keeps its turn: else the same few would be asked for ever
                "asked_at": now if mark.is_asked else mark.asked_before,
            }
            for mark in settled.marks
        ]
        return pa.Table.from_pylist(rows, schema=DETAILS)

    def _says_more(self, answer: Answer, job: KnownJob) -> bool:
        return answer.said is not None and self._reader.says_more(answer.said, stored(job))

    def _found(self, reading: Reading, job: KnownJob | None, settled: Settled) -> bool:
        is_new = job is None or self._reader.row_hash(reading) != job.row_hash
        if is_new:
            settled.found.append((reading, job))
        return is_new

    def _mark(
        self,
        job_id: str,
        listing_hash: str | None,
        detail: Detail,
        job: KnownJob | None,
        settled: Settled,
        *,
        is_asked: bool = True,
    ) -> None:
        if not self._reader.kind.details:
            return
        is_owed = detail is Detail.OWED
        (self.pending.add if is_owed else self.pending.discard)(job_id)
        is_asked_in_vain = is_asked and is_owed
        if (
            is_asked_in_vain
            or job is None
            or (job.listing_hash, job.detail) != (listing_hash, detail)
        ):
            asked_before = None if job is None else job.asked_at
            settled.marks.append(Mark(job_id, listing_hash, detail, is_asked, asked_before))

    def _is_fresh(self, answer: Answer, than: datetime | None) -> bool:
        """Whether an answer is no older than what is known already; an error always is."""
        if answer.reading is None or than is None:
            return True
        (updated_at,) = self._reader.updated_at(answer.reading)
        return updated_at is None or updated_at >= than


def _is_older(listed_at: datetime | None, job: KnownJob | None) -> bool:
    """Whether a listing is older than what is known of the job."""
    known_at = None if job is None else job.updated_at
    return listed_at is not None and known_at is not None and listed_at < known_at


def _came_to(answer: Answer) -> Detail:
    if not (answer.is_part or answer.is_refused):
        return Detail.MERGED
    return Detail.NOT_TAKEN if answer.is_not_taken else Detail.REFUSED


def stored(job: KnownJob) -> Reading:
    """The record that a job's current version was made from."""
    return Reading(job.job_id, loads(job.raw.encode()), job.raw)
