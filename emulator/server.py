"""The emulator as an application, and the means to serve it from a thread of its own."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import format_datetime
from types import ModuleType
from typing import Any, Final

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from . import control, salesforce, zuora
from .answers import Refused, answer
from .behaviour import Behaviour
from .clock import Clock
from .faults import OF_THE_ANSWER, Fault, Faults
from .salesforce import Salesforce
from .state import Seen, State
from .striking import in_place, is_salesforce, spoiled
from .tokens import Tokens
from .world import World
from .zuora import Zuora

_log = logging.getLogger(__name__)
HOST: Final = "127.0.0.1"
SMALL: Final = 1_001
"""Bodies of more than 1,000 bytes are compressed for whoever asks."""
KEPT_HEADERS: Final = ("accept-encoding", "user-agent", "content-type")


class Front:
    """Everything that holds for all requests: the log, common headers, errors, and faults."""

    def __init__(self, state: State) -> None:
        self._state = state
        routes = [*Zuora(state).routes(), *Salesforce(state).routes()]
        router = Router(routes, redirect_slashes=False, default=_not_found)
        self._providers: ASGIApp = GZipMiddleware(router, minimum_size=SMALL, compresslevel=1)
        self._control = Router(control.routes(state), redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            return
        # a slash at the end makes no difference
        scope = {**scope, "app": self, "path": scope["path"].rstrip("/") or "/"}
        request = Request(scope, receive)
        if scope["path"].split("/")[1] in {"_emulator", ""}:
            await self._control(scope, receive, send)
            return
        common = _family(scope["path"]).headers(request, self._state)
        status = 0
        query = scope["query_string"].decode("latin-1")

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["Date"] = format_datetime(self._state.clock.now(), usegmt=True)
                for name, said in common.items():
                    headers.setdefault(name, said)
                # whoever has the answer finds the request in the log
                self._note(request, query, status)
            await send(message)

        fault = self._state.faults.strike(scope["path"], query)
        try:
            await self._answer(scope, receive, sent, fault, request)
        finally:
            if not status:
                self._note(request, query, status)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, fault: Fault | None, request: Request
    ) -> None:
        if fault is None:
            await self._right(scope, receive, send)
            return
        if fault.name == "drop":
            scope["state"]["transport"].abort()
            return
        if fault.name == "slow":
            await asyncio.sleep(fault.seconds)
        instead = in_place(fault, request, self._state)
        if instead is not None:
            await instead(scope, receive, send)
        elif fault.name not in OF_THE_ANSWER:
            await self._right(scope, receive, send)
        else:
            await self._spoiled(scope, receive, send, fault, request)

    async def _right(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._providers(scope, receive, send)
        except Refused as refused:
            await refused.answer(scope, receive, send)
        except HTTPException as refused:
            body = _family(scope["path"]).error_body(scope["path"], refused.status_code)
            await answer(body, refused.status_code, refused.headers)(scope, receive, send)
        except Exception:
            # uvicorn would say so only to a log that is off, for the sake of faults on order
            _log.exception("the emulator itself failed on %s", scope["path"])
            raise

    async def _spoiled(
        self, scope: Scope, receive: Receive, send: Send, fault: Fault, request: Request
    ) -> None:
        plain = [(name, said) for name, said in scope["headers"] if name != b"accept-encoding"]
        answered: list[Message] = []

        async def keep(message: Message) -> None:
            answered.append(message)

        await self._right({**scope, "headers": plain}, receive, keep)
        start, body = answered[0], b"".join(message.get("body", b"") for message in answered[1:])
        if fault.name == "cut":
            await send(start)
            await send(
                {
                    "type": "http.response.body",
                    "body": body[: len(body) // 2],
                    "more_body": True,
                }
            )
            # what was written goes out, and then the connection ends
            scope["state"]["transport"].close()
            return
        body = spoiled(fault, request, body, self._state)
        headers = MutableHeaders(scope=start)
        headers["Content-Length"] = str(len(body))
        await send(start)
        await send({"type": "http.response.body", "body": body})

    def _note(self, request: Request, query: str, status: int) -> None:
        kept = {
            name: said
            for name, said in request.headers.items()
            if name in KEPT_HEADERS or name.startswith("zuora-")
        }
        self._state.requests.append(Seen(request.method, request.url.path, query, status, kept))


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    body = _family(scope["path"]).error_body(scope["path"], 404)
    await answer(body, 404)(scope, receive, send)


def _family(path: str) -> ModuleType:
    """The provider whose path it is."""
    return salesforce if is_salesforce(path) else zuora


class _Protocol(H11Protocol):
    """Lets the application at its connection, which a dropped or cut answer needs."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # asyncio does so only for sockets that name their protocol; without it, an answer's body
        # waits 40 ms for the client to say that it has the head
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport}


class Running:
    """An emulator that serves."""

    def __init__(self, base_url: str, world: World) -> None:
        self.base_url = base_url
        self.renew(world)

    def renew(self, world: World) -> None:
        """Serves another world from now on; tokens, faults and the request log begin anew."""
        self.state = State(world, base_url=self.base_url)
        self._front = Front(self.state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        await self._front(scope, receive, send)

    @property
    def world(self) -> World:
        """The jobs there are."""
        return self.state.world

    @property
    def clock(self) -> Clock:
        """The time of everything there."""
        return self.state.clock

    @property
    def behaviour(self) -> Behaviour:
        """Its settings."""
        return self.state.behaviour

    @property
    def faults(self) -> Faults:
        """What is to go wrong."""
        return self.state.faults

    @property
    def tokens(self) -> Tokens:
        """Who may ask."""
        return self.state.tokens

    @property
    def requests(self) -> list[Seen]:
        """What was asked of it so far; clear it at will."""
        return self.state.requests


class _Server(uvicorn.Server):
    """Ends with all of its connections closed, even those whose client reads no more."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        # which is done in the loop's next turns
        await asyncio.sleep(0.01)


@contextmanager
def serving(world: World | None = None, *, port: int = 0) -> Iterator[Running]:
    """Serves a world on this machine's loopback address while the context lasts.

    Raises `OSError` if the port is taken; 0 takes a free one.
    """
    listening = socket.create_server((HOST, port))
    running = Running(f"http://{HOST}:{listening.getsockname()[1]}", world or World())
    config = uvicorn.Config(
        running,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        backlog=512,
    )
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    server = _Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="emulator", daemon=True
    )
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.002)
        yield running
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
