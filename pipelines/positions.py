"""Where each incremental sync stands, as dlt keeps it in the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobledger.pipelines.ledger import Ledger
from jobledger.pipelines.sync import prepared_pipeline


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


def positions(ledger: Ledger, folder: Path, source: str) -> list[Position]:
    """The positions of a source's kinds; empty where it never completed a sync."""
    pipeline = prepared_pipeline(ledger, folder, source)
    resources = pipeline.state.get("sources", {}).get(source, {}).get("resources", {})
    return [
        Position(
            source=source,
            kind=kind,
            position=state.get("position"),
            complete_at=state.get("complete_at"),
            full_walk_at=state.get("full_walk_at"),
            is_newest_first=state.get("is_newest_first"),
        )
        for kind, state in sorted(resources.items())
    ]


def reset(ledger: Ledger, folder: Path, source: str, kinds: list[str]) -> None:
    """Makes the next sync of these kinds walk their whole listings."""
    import dlt

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
        return [forgetful(kind) for kind in kinds]

    pipeline = prepared_pipeline(ledger, folder, source)
    pipeline.extract(resets())
    pipeline.normalize()
    pipeline.load(raise_on_failed_jobs=True)
