"""The health summary: on a terminal, or as one page of HTML."""

import sys
from pathlib import Path
from typing import TextIO

from jobledger.pipelines.project import Project
from jobledger.pipelines.query import open_published
from jobledger.pipelines.report.summary import read


def show(project: Project, *, days: int = 30, stream: TextIO | None = None) -> None:
    """Prints how everything is. Raises `QueryError` where there is no ledger."""
    from jobledger.pipelines.report.terminal import draw

    with open_published(project.warehouse) as connection:
        summary = read(connection, days)
    draw(summary, stream or sys.stdout)


def write(project: Project, path: Path, *, days: int = 30) -> None:
    """Writes how everything is as one page of HTML, whole or not at all."""
    raise NotImplementedError
