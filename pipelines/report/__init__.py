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
    """Writes how everything is as one page of HTML, whole or not at all.

    Raises `QueryError` where there is no ledger.
    """
    from jobledger.pipelines.report.details import read_details
    from jobledger.pipelines.report.page import page
    from jobledger.pipelines.whole_file import whole_file

    with open_published(project.warehouse) as connection:
        summary = read(connection, days, reasons=12, stuck=30)
        details = read_details(connection, days)
    text = page(summary, details, name=project.folder.name)
    with whole_file(path) as file:
        file.write(text.encode())
