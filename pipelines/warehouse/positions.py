"""Where each incremental sync stands, as dlt keeps it in the ledger."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobledger.pipelines.errors import ConfigError, choices
from jobledger.pipelines.project import Project
from jobledger.pipelines.query import open_published
from jobledger.pipelines.warehouse.held import held, views_of
from jobledger.pipelines.wording import exact

_STATES = """
select pipeline_name, state
from loaded._dlt_pipeline_state
where _dlt_load_id in (select load_id from loaded._dlt_loads where status = 0)
qualify row_number() over (partition by pipeline_name order by version desc, created_at desc) = 1
order by pipeline_name
"""


@dataclass(frozen=True)
class Position:
    """How far the syncs of one kind have come."""

    source: str
    kind: str
    position: str | None
    """When the newest job that was seen was created."""
    complete_at: str | None
    """When the last complete sync began."""
    full_walk_at: str | None
    """When the last sync that walked the whole listing began."""
    is_newest_first: bool | None
    """Whether that listing was seen to be newest first, and may be cut short."""


def positions(project: Project) -> list[Position]:
    """The positions of all kinds that ever completed a sync, as readers see them."""
    from dlt.common.versioned_state import decompress_state

    with open_published(project.warehouse) as connection:
        states = connection.execute(_STATES).fetchall()
    found: list[Position] = []
    for source, compressed in states:
        sources: Any = decompress_state(compressed).get("sources", {})
        for kind, state in sorted(sources.get(source, {}).get("resources", {}).items()):
            names = ("position", "complete_at", "full_walk_at", "is_newest_first")
            told = {name: _exact(state.get(name)) for name in names}
            found.append(Position(source, kind, **told))
    return found


def _exact(said: Any) -> Any:
    return exact(datetime.fromisoformat(said)) if isinstance(said, str) else said


def reset(project: Project, source: str, kinds: Sequence[str] = ()) -> list[str]:
    """Makes the next sync of these kinds, or of all, walk their whole listings; gives their names.

    Raises `Busy`, and `ConfigError` for what was never synced.
    """
    import dlt

    from jobledger.pipelines.warehouse.dlt_pipeline import prepared_pipeline

    known = [each for each in positions(project) if each.source == source]
    if not known:
        synced = sorted({each.source for each in positions(project)})
        raise ConfigError(f"source '{source}' was never synced{choices(source, synced)}")
    names = [each.kind for each in known]
    for kind in kinds:
        if kind not in names:
            raise ConfigError(f"{source} {kind} was never synced{choices(kind, names)}")
    chosen = list(kinds) or names

    def forgetful(kind: str) -> Any:
        @dlt.resource(name=kind)
        def forget() -> Iterator[Any]:
            state = dlt.current.resource_state(kind)
            # when it was last complete is still true, and gaps are told by it
            for name in ("position", "full_walk_at", "is_newest_first"):
                state.pop(name, None)
            yield from ()

        return forget

    @dlt.source(name=source)
    def resets() -> list[Any]:
        return [forgetful(kind) for kind in chosen]

    with held(project) as ledger:
        pipeline = prepared_pipeline(ledger, project.state_dir / "dlt", source)
        pipeline.extract(resets())
        pipeline.normalize()
        pipeline.load(raise_on_failed_jobs=True)
        ledger.publish(views_of(project, []))
    return chosen
