"""The notebook, served as a web page to whoever is at this machine and knows its token.

A ledger is readable by its owner only, and so is the page: it is served on the loopback address,
and the address that is printed holds a token without which nothing is shown, to other users of the
machine as to other pages in the browser.
"""

import logging
import os
import secrets
import socket
from collections.abc import Callable
from importlib import import_module
from importlib.resources import as_file, files
from typing import Final

from jobledger.pipelines.errors import ConfigError, JobledgerError
from jobledger.pipelines.project import Project

HOST: Final = "127.0.0.1"


def serve(project: Project, port: int, ready: Callable[[str], None]) -> None:
    """Serves the page until interrupted; tells its address once it can be opened.

    A port of 0 is any that is free. Raises `JobledgerError`, `ConfigError`.
    """
    try:
        import marimo
        import uvicorn

        # the notebook's, asked for here so that one line says what is missing
        import_module("altair")
    except ModuleNotFoundError as error:
        raise JobledgerError(
            f"the dashboard needs {error.name}, which is not installed: run"
            " pip install 'jobledger[dashboard]'"
        ) from None
    # settings that cannot be read are told here, not by each cell of the page
    _ = project.warehouse
    # the notebook runs in this process, and finds the project there
    os.environ["JOBLEDGER_PROJECT"] = str(project.folder)
    token = secrets.token_urlsafe(24)
    with _listening(port) as listener, as_file(files("jobledger.notebooks")) as folder:
        builder = marimo.create_asgi_app(quiet=True, token=token)
        app = builder.with_app(path="", root=str(folder / "job_health.py")).build()
        config = uvicorn.Config(app, log_level=logging.ERROR, timeout_graceful_shutdown=1)
        # a page that was closed while it was written to is no news: asyncio warns of each write
        logging.getLogger("asyncio").setLevel(logging.ERROR)
        # connections wait in the socket's queue until the server takes them
        ready(f"http://{HOST}:{listener.getsockname()[1]}/?access_token={token}")
        uvicorn.Server(config).run(sockets=[listener])


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot serve on port {port}: {error.strerror}; name another --port, or 0 for any that"
            " is free"
        ) from None
    return listener
