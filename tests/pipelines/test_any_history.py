"""Whatever happens to the jobs, and whenever a sync comes or ends: the ledger is right.

Random histories of a small world with all six kinds. After each sync the versions of a job follow
one another without gap or overlap, the last one is current, none has disappeared, and no stale
answer replaced a newer one. Once the world rests, a full sync that owes nothing gives the rows that
a first sync into an empty ledger gives, and a further one adds nothing.

Most histories use a ledger in memory; some use the real one with dlt as well, and see that both say
the same after each sync. `JOBLEDGER_HISTORIES=5000` runs so many of the former, and a fiftieth as
many of the latter.
"""

import copy
import os
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jobledger.sources._provider.model import JOBS
from jobledger.sources._provider.run import Run
from tests.pipelines.in_memory import InMemory, Row
from tests.pipelines.scripted_sync import Project
from tests.pipelines.worlds import DEEDS, GROUPS, KINDS, WHEN, Deed, Job, World

HISTORIES = int(os.environ.get("JOBLEDGER_HISTORIES", "60"))
seeds = st.integers(0, 2**32 - 1)
"""What happens is drawn from a seed, since hypothesis alone would tell of few and small events."""


def deed(chance: Random, what: str | None = None) -> Deed:
    return Deed(
        what or chance.choice(DEEDS),
        group=chance.randrange(len(GROUPS)),
        pick=chance.randrange(60),
        word=chance.randrange(60),
        when=chance.choice(WHEN),
    )


def how_it_goes(chance: Random) -> dict[str, Any]:
    """What happens between the requests of a sync, and which of them fail."""
    changes = {chance.randrange(8): [deed(chance) for _ in range(3)] for _ in range(2)}
    return {
        "pending": changes if chance.random() < 0.5 else {},
        "faults": {chance.randrange(7): chance.randrange(6)} if chance.random() < 0.4 else {},
        "fails_from": chance.randrange(7) if chance.random() < 0.1 else None,
    }


tally = {"histories": 0, "steps": 0, "deeds": 0, "syncs": 0}
MODEL = [name for name in JOBS.names if name != "provider"]


class Histories(RuleBasedStateMachine):
    """Jobs live, syncs come and go; `sync_one` and `history` are the ledger's."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.before: set[tuple[Any, ...]] = set()
        self.position = -1
        """The newest job that the last complete sync of custom objects could see."""
        tally["histories"] += 1

    def sync_one(self, provider: str, kind: str, **how: Any) -> Run:
        """One sync of one kind."""
        raise NotImplementedError

    def sync_each(self, *, is_full: bool = False) -> list[Run]:
        """One sync of every kind."""
        runs = []
        for provider, kind in KINDS:
            self.world.begin_sync()
            runs.append(self.sync_one(provider, kind, is_full=is_full))
        return runs

    def history(self) -> list[Row]:
        """All versions of all jobs."""
        raise NotImplementedError

    def fresh(self) -> list[Row]:
        """All versions after a first sync into an empty ledger."""
        raise NotImplementedError

    @initialize(seed=seeds, births=st.integers(5, 40))
    def begin(self, seed: int, births: int) -> None:
        chance = Random(seed)
        for _ in range(births):
            self.world.do(deed(chance, "add"))

    @rule(seed=seeds, much=st.integers(1, 30))
    def live(self, seed: int, much: int) -> None:
        tally["steps"] += 1
        tally["deeds"] += much
        chance = Random(seed)
        for _ in range(much):
            self.world.do(deed(chance))

    @rule(
        seed=seeds,
        which=st.sampled_from(KINDS),
        is_full=st.booleans(),
        max_details=st.sampled_from([2000, 0, 1, 2, 4]),
        killed=st.sampled_from([None, None, None, "", "versions", "marks", "versions and marks"]),
    )
    def sync(
        self,
        seed: int,
        which: tuple[str, str],
        is_full: bool,
        max_details: int,
        killed: str | None,
    ) -> None:
        tally["steps"] += 1
        tally["syncs"] += 1
        trouble = how_it_goes(Random(seed))
        self.world.begin_sync(**trouble)
        run = self.sync_one(*which, is_full=is_full, max_details=max_details, killed=killed)
        assert run.outcome in {"complete", "incomplete", "failed"}
        assert (run.outcome == "complete") == (run.error_kind is None)
        if run.outcome == "complete" and killed is None and not any(trouble.values()):
            self._nothing_is_frozen(run)
            self._nothing_is_dropped(run)
        if run.outcome == "complete" and killed is None and which[1] == "custom_object_bulk":
            self.position = max((job.created or 0 for job in self._listed()), default=self.position)
        self.world.begin_sync()

    def _nothing_is_frozen(self, run: Run) -> None:
        """No open job is left as it was, listed or not."""
        jobs = {job.id: job for listed in self.world.jobs.values() for job in listed}
        for row in self.history():
            job = jobs[row["job_id"]]
            if row["kind"] != run.kind or row["valid_to"] is not None or row["is_terminal"]:
                continue
            if job.is_listed and run.kind in {"ingest", "query"}:
                # its detail may be owed, and was compared with the listing at least
                continue
            if not job.is_there:
                assert run.scope == "recent", "gone, and the ledger does not say so"
            elif not job.is_broken and job.refusal is None and job.family != "classic":
                told, known = job.shown_updated, row["updated_at"]
                is_stale = told is not None and known is not None and told < known
                assert is_stale or row["provider_status"] == job.word

    def _nothing_is_dropped(self, run: Run) -> None:
        """What came since the last complete sync is there, however short the walk was."""
        if run.kind != "custom_object_bulk":
            return
        listed = self._listed()
        created = [job.created or 0 for job in listed]
        if run.scope == "full" or created == sorted(created, reverse=True):
            known = {row["job_id"] for row in self.history()}
            least = 0 if run.scope == "full" else self.position + 1
            assert known >= {job.id for job in listed if (job.created or 0) >= least}

    def _listed(self) -> list[Job]:
        return [job for job in self.world.jobs["custom_object_bulk"] if job.is_listed]

    @rule(seed=seeds)
    def sync_all(self, seed: int) -> None:
        chance = Random(seed)
        for provider, kind in KINDS:
            self.sync(
                chance.getrandbits(32), (provider, kind), False, chance.choice([2000, 3]), None
            )

    @rule(days=st.integers(1, 9))
    def wait(self, days: int) -> None:
        tally["steps"] += 1
        self.skip(hours=days * 24)

    def skip(self, hours: int) -> None:
        """Time passes, and nothing happens."""
        raise NotImplementedError

    @rule(whether=st.integers(0, 4))
    def rest_for_once(self, whether: int) -> None:
        if not whether:
            self.rest()

    def rest(self) -> None:
        tally["steps"] += 1
        self.world.rest()
        # a day later every listing is walked to its end without being told to
        self.skip(hours=25)
        for run in self.sync_each():
            assert run.scope == "full"
            self._nothing_is_frozen(run)
            self._nothing_is_dropped(run)
        for run in self.sync_each(is_full=True):
            assert (run.outcome, run.details_pending, run.rejected) == ("complete", 0, 0)
        expected = {_key(row): _model(row) for row in self.fresh()}
        current = {_key(row): _model(row) for row in self.history() if row["valid_to"] is None}
        assert {key: current.get(key) for key in expected} == expected
        versions = len(self.history())
        assert [run.jobs_changed for run in self.sync_each()] == [0] * len(KINDS)
        assert len(self.history()) == versions

    @invariant()
    def versions_follow_one_another(self) -> None:
        jobs: dict[tuple[Any, ...], list[Row]] = {}
        for row in self.history():
            jobs.setdefault(_key(row), []).append(row)
        seen: set[tuple[Any, ...]] = set()
        for key, rows in jobs.items():
            rows.sort(key=lambda row: row["valid_from"])
            ends = [row["valid_to"] for row in rows]
            assert ends == [*(row["valid_from"] for row in rows[1:]), None]
            assert all(
                row["valid_to"] is None or row["valid_from"] < row["valid_to"] for row in rows
            )
            seen.update((*key, row["valid_from"], row["row_hash"]) for row in rows)
            for old, new in pairwise(rows):
                assert old["row_hash"] != new["row_hash"]
                if old["updated_at"] is not None and new["updated_at"] is not None:
                    # an end may lack a time that the job had, and look older by that
                    is_end = old["kind"] == "data_backfill" and new["is_terminal"]
                    is_older = new["updated_at"] < old["updated_at"]
                    assert not is_older or (is_end and not old["is_terminal"]), "stale"
            self._keeps_what_it_knows(rows)
        assert seen >= self.before, "a version has disappeared"
        self.before = seen

    def _keeps_what_it_knows(self, rows: Sequence[Row]) -> None:
        """No count gives way to NULL because a detail was late or failed."""
        refused = {job.id for job in self.world.jobs["salesforce"] if job.was_refused}
        if rows[0]["provider"] == "salesforce" and rows[0]["job_id"] not in refused:
            known = [row["records_processed"] is not None for row in rows]
            assert known == sorted(known)

    def teardown(self) -> None:
        self.rest()


class InMemoryHistories(Histories):
    """Histories of a ledger in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = InMemory(World.providers())

    def sync_one(self, provider: str, kind: str, **how: Any) -> Run:
        return self.ledger.sync(self.world.answer, provider, kind, **how)

    def history(self) -> list[Row]:
        return [row for rows in self.ledger.versions.values() for row in rows]

    def fresh(self) -> list[Row]:
        ledger = InMemory(World.providers())
        for provider, kind in KINDS:
            self.world.begin_sync()
            ledger.sync(self.world.answer, provider, kind)
        return [row for rows in ledger.versions.values() for row in rows]

    def skip(self, hours: int) -> None:
        self.ledger.clock.move(timedelta(hours=hours))


class RealHistories(InMemoryHistories):
    """Histories of the real ledger, which says at every step what the one in memory says."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.project = Project(Path(self.folder.name), World.providers())

    def sync_one(self, provider: str, kind: str, **how: Any) -> Run:
        # a load that is killed has tests of its own; here the working files are lost
        if how.pop("killed", None) is not None and self.project.published.exists():
            self.project.lose_working_files()
        twin = copy.deepcopy(self.world)
        expected = self.ledger.sync(twin.answer, provider, kind, **how)
        run = self.project.sync(self.world.answer, provider, [kind], max_concurrent=1, **how)[kind]
        assert self.world.asked == twin.asked
        assert _figures(run) == _figures(expected)
        self._agree()
        return run

    def sync_each(self, *, is_full: bool = False) -> list[Run]:
        self.world.begin_sync()
        runs: list[Run] = []
        for provider in ("zuora", "salesforce"):
            kinds = [kind for each, kind in KINDS if each == provider]
            found = self.project.sync(self.world.answer, provider, kinds, is_full=is_full)
            for kind in kinds:
                expected = self.ledger.sync(
                    self.world.answer,
                    provider,
                    kind,
                    is_full=is_full,
                    hours=1 if kind == kinds[-1] else 0,
                )
                assert _figures(found[kind]) == _figures(expected)
            runs.extend(found.values())
        self._agree()
        return runs

    def _agree(self) -> None:
        real = self.project.rows(
            "select source, kind, job_id, row_hash, valid_from, valid_to"
            " from loaded.job_versions order by all"
        )
        columns = ("source", "kind", "job_id", "row_hash", "valid_from", "valid_to")
        expected = [tuple(row[name] for name in columns) for row in self.history()]
        assert sorted(real, key=str) == sorted(expected, key=str)
        names = [name for name in MODEL if name != "raw"]
        current = self.project.rows(
            f"select {', '.join(names)} from loaded.job_versions where valid_to is null"
        )
        known = [row for row in self.history() if row["valid_to"] is None]
        assert sorted(current, key=str) == sorted(
            (tuple(row[name] for name in names) for row in known), key=str
        )

    @rule(whether=st.just(0))
    def rest_for_once(self, whether: int) -> None:
        """Once at the end is enough here."""

    def skip(self, hours: int) -> None:
        super().skip(hours)
        self.project.clock.move(timedelta(hours=hours))

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


def _figures(run: Run) -> tuple[Any, ...]:
    return (
        *(run.outcome, run.error_kind, run.pages, run.requests, run.jobs_listed, run.jobs_changed),
        *(run.details_fetched, run.details_pending, run.open_jobs, run.scope, run.listed_from),
        *(run.gap_from, run.gap_to),
    )


def _key(row: Row) -> tuple[str, str, str]:
    return row["source"], row["kind"], row["job_id"]


def _model(row: Row) -> Row:
    return {name: row[name] for name in MODEL}


class TestInMemory(InMemoryHistories.TestCase):  # type: ignore[misc,valid-type]
    settings = settings(
        max_examples=HISTORIES,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class TestReal(RealHistories.TestCase):  # type: ignore[misc,valid-type]
    settings = settings(
        max_examples=max(HISTORIES // 50, 1),
        stateful_step_count=6,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
