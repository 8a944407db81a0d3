"""What is to be synced, or looked at: sources as they are set, each with its provider and kinds."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobledger.pipelines.errors import ConfigError, choices
from jobledger.pipelines.project import Project
from jobledger.sources import known_kinds, providers
from jobledger.sources._provider.kind import Provider
from jobledger.sources._provider.settings import SourceSettings


@dataclass(frozen=True)
class Assignment:
    """A source to sync, and which of its kinds."""

    settings: SourceSettings
    provider: Provider
    kinds: Sequence[str]


def assignments(
    project: Project, names: Sequence[str] = (), kinds: Sequence[str] = ()
) -> list[Assignment]:
    """What to sync: all sources, or those named, and of their kinds those named.

    Raises `ConfigError` for a name that is none.
    """
    known = providers()
    sources = project.sources(known_kinds(), only=names or None)
    found: list[Assignment] = []
    for settings in sources:
        chosen = [kind for kind in settings.kinds if not kinds or kind in kinds]
        if chosen:
            found.append(Assignment(settings, known[settings.provider], chosen))
    missing = set(kinds) - {kind for each in found for kind in each.kinds}
    if missing:
        known_here = sorted({kind for each in sources for kind in each.kinds})
        raise ConfigError(
            f"no kind '{min(missing)}' in the sources to sync{choices(min(missing), known_here)}"
        )
    return found


def without(assignment: Assignment, refused: Sequence[str]) -> str:
    """What to set so that kinds which an account may not use are left out."""
    settings = assignment.settings
    left = [kind for kind in settings.kinds if kind not in refused]
    if not left:
        return f"the account may use none of its kinds; remove [sources.{settings.name}]"
    listed = ", ".join(f'"{kind}"' for kind in left)
    return (
        f"to leave out what the account may not use, set under [sources.{settings.name}]:"
        f" kinds = [{listed}]"
    )
