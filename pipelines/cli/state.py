"""`jobledger state`."""

import click

from jobledger.pipelines.cli.shared import debug_option, pass_project, project_option
from jobledger.pipelines.errors import ConfigError, choices
from jobledger.pipelines.exits import Exit
from jobledger.pipelines.project import Project


@click.group()
@project_option()
@debug_option
def command() -> None:
    """Show or change where each incremental sync stands; forget a source."""


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@pass_project
def show(project: Project, as_json: bool) -> None:  # noqa: FBT001 - click's
    """Show how far the syncs of each source and kind have come.

    When the newest job that was listed was created (position), when the last complete sync began,
    and when the last one that walked the whole listing did (full walk). Where that was newest
    first, the next syncs may stop where nothing is new. --json has the exact times.
    """
    import json
    from dataclasses import asdict
    from datetime import UTC, datetime

    from jobledger.pipelines.warehouse.positions import positions

    found = positions(project)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    from jobledger.pipelines.output.writing import print_rows
    from jobledger.pipelines.wording import ago

    now = datetime.now(UTC)
    rows = []
    for each in found:
        times = (each.position, each.complete_at, each.full_walk_at)
        ages = [ago(datetime.fromisoformat(at) if at else None, now) for at in times]
        rows.append((each.source, each.kind, *ages, "yes" if each.is_newest_first else "no"))
    print_rows(("source", "kind", "position", "complete", "full walk", "newest first"), rows)


@command.command()
@click.argument("source")
@click.argument("kinds", nargs=-1, metavar="[KIND]...")
@pass_project
def reset(project: Project, source: str, kinds: tuple[str, ...]) -> None:
    """Make the next sync of SOURCE walk its listings to their end.

    Nothing that is known is lost.
    """
    from jobledger.pipelines.warehouse.positions import reset as reset_positions

    done = reset_positions(project, source, kinds)
    click.echo(f"the next sync of {source} walks {', '.join(done)} in full", err=True)


@command.command()
@click.argument("source")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_project
def forget(project: Project, source: str, yes: bool) -> None:  # noqa: FBT001 - click's
    """Remove all jobs of SOURCE from the ledger, for good.

    It asks first. The source stays in the settings: take it out there too, or the next sync
    brings back what the provider still shows.
    """
    from jobledger.pipelines.warehouse.forgetting import forget as forget_source
    from jobledger.pipelines.warehouse.forgetting import kept_jobs

    known = kept_jobs(project)
    if source not in known:
        raise ConfigError(f"the ledger has no source '{source}'{choices(source, sorted(known))}")
    if not yes and not _is_sure(
        f"remove all {known[source]:,} jobs of '{source}' and their history, for good?"
    ):
        click.echo("nothing was forgotten", err=True)
        raise SystemExit(Exit.FAILED)
    jobs = forget_source(project, source)
    click.echo(f"forgot {jobs:,} jobs of {source}", err=True)
    if source in project.source_names():
        still = f"[sources.{source}] is set still: the next sync brings back what is listed there"
        click.echo(still, err=True)
    for path in sorted(project.state_dir.glob("*.broken-*")):
        click.echo(f"{path}, once set aside as damaged, may still have some: remove it", err=True)


def _is_sure(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort as error:
        click.echo(err=True)
        if isinstance(error.__context__, EOFError):
            raise ConfigError(
                "nothing was forgotten, since there was no answer: expected y or n, or --yes"
            ) from None
        click.echo("nothing was forgotten", err=True)
        raise
