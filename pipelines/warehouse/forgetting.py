"""Removing a source from the ledger."""

import shutil

from jobledger.pipelines.errors import JobledgerError
from jobledger.pipelines.project import Project
from jobledger.pipelines.query import open_published
from jobledger.pipelines.warehouse.held import held, views_of
from jobledger.sources._provider.kept import Kept


def kept_jobs(project: Project) -> dict[str, int]:
    """How many jobs the ledger has of each source."""
    with open_published(project.warehouse) as connection:
        rows = connection.execute(
            "select source, count(*) filter (where valid_to is null) from ("
            "select source, valid_to from loaded.job_versions"
            " union all select source, now() from loaded.sync_runs) group by source"
        ).fetchall()
    return dict(rows)


def forget(project: Project, source: str) -> int:
    """Removes all that is known of a source, its kept tokens too; gives the number of its jobs.

    Raises `Busy`, and `JobledgerError` where nothing was forgotten.
    """
    with held(project) as ledger:
        try:
            jobs = ledger.forget(source, views_of(project, []))
        except JobledgerError as error:
            raise JobledgerError(f"nothing was forgotten: {error}") from None
        shutil.rmtree(project.state_dir / "dlt" / source, ignore_errors=True)
        Kept(project.kept_file).forget(source)
    return jobs
