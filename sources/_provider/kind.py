"""What a provider is made of: kinds of jobs, each a row of facts.

A provider's file fills these in and reads like a table; everything that acts on them is shared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jobledger.sources._provider.dialect import Dialect
from jobledger.sources._provider.fields import Field
from jobledger.sources._provider.model import Record, Status
from jobledger.sources._provider.paging import Paging
from jobledger.sources._provider.settings import SourceSettings


@dataclass(frozen=True)
class Ask:
    """One way of asking for something by a job's id."""

    path: str
    """`{id}` and `{version}` are filled in."""
    only: Callable[[Record], bool] | None = None
    """The jobs that may be asked for this way; all where None."""
    is_enough: Callable[[Record], bool] | None = None
    """Whether an answer tells all; where it does not, the next way is tried as well."""
    session_header: str | None = None
    """The header that carries the token where it is not `Authorization`."""
    adds_to_listing: bool = False
    """The answer lacks what the listing says, and is read together with it."""


@dataclass(frozen=True)
class Kind:
    """One job endpoint of a provider."""

    name: str
    listing: str
    """Path of the listing; `{version}` is filled in."""
    paging: Paging
    one: tuple[Ask, ...]
    """Ways of asking for one job, tried in order until one answers, and tells all."""
    id_field: str
    words: Mapping[str, Status]
    """The provider's status words in lower case."""
    fields: Mapping[str, Field]
    """Column of the job model -> where a record says it."""
    operation: str | None = None
    """The operation of every job, where the provider has no word for it."""
    rest_succeeded: bool = False
    """Records that were processed and did not fail succeeded."""
    details: bool = False
    """The listing tells only part: a job that is new, changed or running is asked for by id."""
    forgets_after: timedelta | None = None
    """How long after its end the provider still shows a job; None where it does not say."""
    newest_first: bool = False
    """The provider may list newest first; each walk looks whether it does."""
    users: tuple[str, ...] = ()
    """Fields that name people."""
    query_text: tuple[str, ...] = ()
    """Fields that hold a query's text."""
    volatile: tuple[str, ...] = ()
    """Fields that tick although nothing happened to the job; no reason for a new version."""
    belongs: Callable[[Record], bool] | None = None
    """Which records of the listing are jobs of this kind; all where None."""
    refine: Callable[[Record, Status], Status] | None = None
    """A last word on the status, for what the status word alone does not tell."""
    left_alone: frozenset[str] = frozenset()
    """Status words, in lower case, of open jobs that are not asked for again once refused,
    but by a full sync."""
    errors: Ask | None = None
    """Where the records of a job that failed can be had, and why they did."""


@dataclass(frozen=True)
class Provider:
    """One SaaS provider: how to talk to it, and its kinds of jobs."""

    name: str
    title: str
    kinds: tuple[Kind, ...]
    dialect: Dialect
    api_version: str = ""

    def kind(self, name: str) -> Kind:
        """The kind of that name. Raises `KeyError` if there is none."""
        return {kind.name: kind for kind in self.kinds}[name]

    def version(self, settings: SourceSettings) -> str:
        """The version of its API to speak to that account."""
        return settings.api_version or self.api_version


def unwrapped(answer: Any, id_field: str) -> Any:
    """The record of an answer by id, which comes as it is or inside `job` or `data`."""
    # what has an id is a record, whatever else it has
    if isinstance(answer, dict) and id_field not in answer:
        for wrapper in ("job", "data"):
            if isinstance(inner := answer.get(wrapper), dict):
                return inner
    return answer
