"""`jobledger errors`."""

from codecs import getincrementaldecoder
from collections.abc import Iterator

import click

from jobledger.pipelines.cli.shared import pass_project, stopping
from jobledger.pipelines.project import Project


@click.command()
@click.argument("source")
@click.argument("kind")
@click.argument("job_id")
@click.option("-o", "--output", metavar="FILE", help="Write to this file; - is stdout.")
@pass_project
def command(project: Project, source: str, kind: str, job_id: str, output: str | None) -> None:
    """Show which records of a job failed and why, asked of the provider now.

    Prints what the provider answers: JSON for a Zuora custom object job, CSV for a Salesforce
    ingest job. It is customer data, so it is never stored in the ledger.
    """
    import sys

    from jobledger.pipelines.failed_records import failed_records
    from jobledger.pipelines.whole_file import whole_file

    with stopping() as stop:
        pieces = failed_records(project, source, kind, job_id, stop.event)
        path = project.output(output)
        if path is None:
            if sys.stdout.isatty():
                pieces = _harmless(pieces)
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        else:
            with whole_file(path) as file:
                for piece in pieces:
                    file.write(piece)
            click.echo(f"wrote {output}", err=True)


def _harmless(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What a customer's records say, without what a terminal would obey."""
    from jobledger.pipelines.output.grid import printable

    decoder = getincrementaldecoder("utf-8")("replace")
    is_ended = True
    for piece in pieces:
        is_ended = piece.endswith(b"\n") if piece else is_ended
        lines = decoder.decode(piece).replace("\r\n", "\n").split("\n")
        yield "\n".join(map(printable, lines)).encode()
    # whatever comes last, the prompt stands on a line of its own
    yield decoder.decode(b"", final=True).encode() + b"\n" * (not is_ended)
