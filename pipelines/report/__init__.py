"""The health summary: on a terminal, as one page of HTML, or as JSON."""

import sys
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


def as_json(project: Project, *, days: int = 30) -> bytes:
    """How everything is, as a JSON object. Raises `QueryError` where there is no ledger."""
    from jobledger.pipelines.report.plain import plain

    with open_published(project.warehouse) as connection:
        summary = read(connection, days, reasons=100, stuck=100)
    return f"{plain(summary)}\n".encode()


def html(project: Project, *, days: int = 30) -> bytes:
    """How everything is, as one page of HTML. Raises `QueryError` where there is no ledger."""
    from jobledger.pipelines.report.details import read_details
    from jobledger.pipelines.report.page import page

    with open_published(project.warehouse) as connection:
        summary = read(connection, days, reasons=12, stuck=30)
        details = read_details(connection, days)
    return page(summary, details, name=project.folder.name).encode()
