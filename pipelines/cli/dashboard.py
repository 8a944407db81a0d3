"""`jobledger dashboard`."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click

from jobledger.pipelines.cli.shared import pass_project
from jobledger.pipelines.exits import Exit
from jobledger.pipelines.project import Project

_DOOR: Final = '<!doctype html><meta http-equiv="refresh" content="0; url={}">'


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=2718,
    show_default=True,
    help="Where to serve; 0 is any port that is free.",
)
@click.option(
    "--no-browser", "--headless", "is_headless", is_flag=True, help="Do not open a browser."
)
@pass_project
def command(project: Project, port: int, is_headless: bool) -> None:  # noqa: FBT001
    """Show the notebook as a web page for this machine alone, with filters. Ends with Ctrl-C.

    The page reads the published ledger only, and follows when a sync publishes anew. Its address,
    with the token that opens it, goes to stdout. Needs pip install 'jobledger[dashboard]'.
    """
    from jobledger.pipelines.dashboard import serve

    ended = Exit.INTERRUPTED
    try:
        with TemporaryDirectory(prefix="jobledger-") as folder:

            def ready(address: str) -> None:
                click.echo(address)
                click.echo(
                    "serving the dashboard there, for this machine alone; Ctrl-C ends it", err=True
                )
                if not is_headless:
                    # a page that leads there: any user may read what a browser is started with
                    door = Path(folder) / "dashboard.html"
                    door.write_text(_DOOR.format(address), encoding="utf-8")
                    click.launch(str(door))

            # a script's background job does not hear Ctrl-C, but the server does, and ends
            serve(project, port, ready)
    except KeyboardInterrupt:
        pass
    except SystemExit:
        # of SIGTERM
        ended = Exit.TERMINATED
    # threads of the notebook's may wait for good; nothing that they have is worth waiting for
    os._exit(ended)
