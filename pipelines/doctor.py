"""What stands between a project and its first sync: each source tried, nothing changed."""

import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from jobledger.pipelines.errors import ConfigError, JobledgerError
from jobledger.pipelines.project import Project
from jobledger.pipelines.query import open_published
from jobledger.pipelines.sync.assignments import Assignment, assignments, without
from jobledger.pipelines.sync.rhythm import configured
from jobledger.pipelines.warehouse.held import check_path
from jobledger.pipelines.warehouse.replacing import check_publishes
from jobledger.pipelines.wording import span
from jobledger.sources._provider.client import Account, Client, Endpoint
from jobledger.sources._provider.clock import Clock
from jobledger.sources._provider.errors import (
    CredentialsRefused,
    NotAvailable,
    ProviderError,
    RateLimited,
    SettingsError,
)
from jobledger.sources._provider.kept import Kept
from jobledger.sources._provider.kind import Kind
from jobledger.sources._provider.redact import guard_logging

Say: TypeAlias = Callable[[str], None]
_PATIENCE = 120.0
"""Seconds for one source."""
_SKEW = 60.0
"""Seconds between two clocks that are worth a word."""


@dataclass(frozen=True)
class Finding:
    """What came of looking at one thing."""

    subject: str
    """The source, or `warehouse`."""
    what: str
    """`reachable`, `credentials`, a kind's name, `quota`, `clock`, `opens`, `writable`."""
    is_good: bool
    said: str
    is_setting: bool = False
    """Something is missing in the settings, as against what the provider says."""


def examine(
    project: Project, names: list[str], stop: threading.Event, say: Say
) -> Iterator[Finding]:
    """Everything there is to find, one by one; what goes on meanwhile is said.

    Raises `ConfigError`.
    """
    guard_logging()
    # what a sync would refuse is refused here too
    _ = project.time_limit, configured(project)
    for assignment in assignments(project, names):
        say(f"{assignment.settings.name}: asking {assignment.settings.base_url} …")
        yield from _source(project, assignment, stop, say)
    yield _warehouse(project)
    yield from _unwritable(project)
    for path in _open_to_all(project):
        say(
            f"warning: {path} has secrets in it, and every user of this machine may read it:"
            " chmod 600"
        )


def _source(
    project: Project, assignment: Assignment, stop: threading.Event, say: Say
) -> Iterator[Finding]:
    settings, provider = assignment.settings, assignment.provider
    name = settings.name
    kept = Kept(project.kept_file)
    try:
        account = Account(
            settings,
            provider.dialect,
            Clock(_PATIENCE, stop),
            kept,
            on_wait=lambda seconds, why: say(f"{name}: {why}; asking again in {span(seconds)}"),
        )
    except SettingsError as error:
        yield Finding(name, "credentials", is_good=False, said=str(error), is_setting=True)
        return
    client = account.client()
    refused: list[str] = []
    is_in = is_token_refused = False
    for kind in map(provider.kind, assignment.kinds):
        try:
            shown = _shown(client, kind, provider.version(settings))
        except CredentialsRefused as error:
            if not account.is_logged_in:
                yield Finding(name, "reachable", is_good=True, said=settings.base_url)
                yield Finding(name, "credentials", is_good=False, said=str(error))
                return
            # the login works: it is this listing that does not take its token
            is_token_refused = True
            yield Finding(name, kind.name, is_good=False, said=str(error))
            continue
        except ProviderError as error:
            if not account.is_logged_in:
                yield Finding(name, "reachable", is_good=False, said=_astray(error))
                return
            if not is_in:
                yield from _entered(name, account)
                is_in = True
            if isinstance(error, NotAvailable):
                refused.append(kind.name)
            yield Finding(name, kind.name, is_good=False, said=str(error))
            if error.ends_account:
                break
            continue
        if not is_in:
            yield from _entered(name, account)
            is_in = True
        yield Finding(name, kind.name, is_good=True, said=f"may be listed; {shown:,} jobs shown")
    if is_token_refused and not is_in:
        yield Finding(name, "reachable", is_good=True, said=account.base_url)
        said = "log in, but no listing takes the token: look at what its user may do"
        yield Finding(name, "credentials", is_good=False, said=said)
    if refused:
        yield Finding(name, "kinds", is_good=False, said=without(assignment, refused))
    if client.meter.quota_limit is not None and client.meter.quota_used is not None:
        yield _quota(name, client.meter.quota_used, client.meter.quota_limit, settings.quota_share)
    if account.clock_skew is not None:
        yield _clock(name, account.clock_skew)


def _astray(error: ProviderError) -> str:
    """Why there is no login, and where to look: what else there is would fail by the same."""
    said = str(error)
    # a provider that asks for patience, and we that stop, are at the right address
    is_there = error.ends_account or isinstance(error, RateLimited)
    return said if is_there or "base_url" in said else f"{said}; check base_url"


def _entered(name: str, account: Account) -> Iterator[Finding]:
    yield Finding(name, "reachable", is_good=True, said=account.base_url)
    yield Finding(name, "credentials", is_good=True, said="work")


def _quota(name: str, used: int, limit: int, share: float) -> Finding:
    left = max(int(limit * share) - used, 0)
    said = f"{used:,} of {limit:,} daily requests used; {left:,} left for jobledger"
    return Finding(name, "quota", is_good=left > 0, said=said)


def _clock(name: str, skew: float) -> Finding:
    if abs(skew) < _SKEW:
        return Finding(name, "clock", is_good=True, said="agrees with the provider's")
    way = "behind" if skew > 0 else "ahead of"
    said = f"this computer is {abs(skew):,.0f} s {way} the provider; set its clock"
    return Finding(name, "clock", is_good=False, said=said)


def _warehouse(project: Project) -> Finding:
    try:
        check_path(project)
        check_publishes(project.ledger, project.warehouse)
    except ConfigError as error:
        return Finding("warehouse", "opens", is_good=False, said=str(error), is_setting=True)
    except OSError as error:
        said = f"cannot read {error.filename}: {error.strerror}"
        return Finding("warehouse", "opens", is_good=False, said=said, is_setting=True)
    if not project.warehouse.exists():
        said = f"{project.warehouse.name} is not there yet; the first sync makes it"
        return Finding("warehouse", "opens", is_good=True, said=said)
    try:
        with open_published(project.warehouse) as connection:
            row = connection.execute("select count(*) from jobs").fetchone()
    except JobledgerError as error:
        return Finding("warehouse", "opens", is_good=False, said=str(error))
    said = f"{project.warehouse.name} has {row[0] if row else 0:,} jobs"
    return Finding("warehouse", "opens", is_good=True, said=said)


def _unwritable(project: Project) -> Iterator[Finding]:
    """The folders that a sync would write to and may not."""
    for folder in (project.state_dir, project.warehouse.parent):
        there = next(each for each in (folder, *folder.parents) if each.exists())
        if not os.access(there, os.W_OK | os.X_OK):
            said = f"a sync could not write to {there}: run jobledger as a user who may"
            yield Finding("warehouse", "writable", is_good=False, said=said, is_setting=True)
            return


def _open_to_all(project: Project) -> Iterator[Path]:
    """The files with secrets in them that whoever has a login here may read."""
    if os.name != "posix":
        return
    for path in (project.secrets_file, project.kept_file):
        with suppress(FileNotFoundError):
            if path.stat().st_mode & stat.S_IROTH:
                yield path


def _shown(client: Client, kind: Kind, version: str) -> int:
    """How many of the kind's jobs the first page of a listing shows. Raises `ProviderError`."""
    listing = Endpoint(client, kind.listing.format(version=version))
    page = next(iter(kind.paging.pages(listing)), None)
    records = page.records if page else []
    if (belongs := kind.belongs) is not None:
        # what is no object, a sync reports
        records = [each for each in records if isinstance(each, dict) and belongs(each)]
    return len(records)
