"""`jobledger status`."""

import click

from jobledger.pipelines.cli.shared import pass_project
from jobledger.pipelines.project import Project

_STATUS = """
select
    sync.source,
    sync.kind,
    sync.last_sync_at,
    sync.last_outcome,
    sync.last_complete_at,
    sync.open_jobs,
    sync.gaps,
    sync.rejected_7d as rejected,
    provider.health,
    provider.reason,
from sync_health as sync
left join provider_health as provider using (source, provider, kind)
order by sync.source, sync.kind
"""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@pass_project
def command(project: Project, as_json: bool) -> None:  # noqa: FBT001 - click's
    """Show when each kind was last synced, and how its jobs are.

    One row a source and kind: last sync and its outcome, last complete sync, open jobs, gaps,
    rejected records of the last 7 days, health and its reason.
    """
    from jobledger.pipelines.output import write_result
    from jobledger.pipelines.query import open_published

    with open_published(project.warehouse) as connection:
        write_result(connection, _STATUS, format="json" if as_json else "table")
