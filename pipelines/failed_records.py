"""Which records of a job failed, and why: asked of the provider, and never stored."""

import threading
from collections.abc import Iterator
from urllib.parse import quote

from jobledger.pipelines.errors import ConfigError, choices
from jobledger.pipelines.project import Project
from jobledger.pipelines.sync.assignments import assignments
from jobledger.sources._provider.client import Account
from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.kept import Kept
from jobledger.sources._provider.redact import guard_logging


def failed_records(
    project: Project, source: str, kind: str, job_id: str, stop: threading.Event
) -> Iterator[bytes]:
    """What the provider says, piece by piece, as it says it.

    Raises `ConfigError` for a kind that cannot tell, `ProviderError`.
    """
    guard_logging()
    (assignment,) = assignments(project, [source])
    settings, provider = assignment.settings, assignment.provider
    known = [each.name for each in provider.kinds]
    if kind not in known:
        raise ConfigError(f"source '{source}' has no kind '{kind}'{choices(kind, known)}")
    ask = provider.kind(kind).errors
    if ask is None:
        tell = [each.name for each in provider.kinds if each.errors is not None]
        raise ConfigError(
            f"{provider.title} does not say which records of {kind} jobs failed: expected a kind"
            f" that does, {', '.join(tell)}"
        )
    account = Account(
        settings,
        provider.dialect,
        Clock(project.time_limit.total_seconds(), stop),
        Kept(project.kept_file),
    )
    path = ask.path.format(id=quote(job_id, safe=""), version=provider.version(settings))
    return account.client().stream(path, headers={"Accept": "*/*"})
