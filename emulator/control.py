"""The emulator's own endpoint, below `/_emulator`: clock, jobs, faults, settings, request log."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .answers import answer
from .faults import MEANINGS, Fault
from .lives import Life, Step
from .state import State
from .world import KINDS

ROUTES: Final = {
    "GET /_emulator": "this",
    "GET /_emulator/clock": "the time",
    "PUT /_emulator/clock": '{"now": "2026-03-01T12:00:00Z"} or {"advance_seconds": 3600}',
    "GET /_emulator/jobs/{kind}": "what is said of the jobs of a kind by id, oldest first",
    "POST /_emulator/jobs/{kind}": '{"record": {…}, "listed": {…}, "errors": …} puts a job there'
    ' as it stands; {"life": {"id": …, "steps": [{"at": ISO, "state": …}], "total": …,'
    ' "facts": {…}}} one that changes as the clock moves',
    "DELETE /_emulator/jobs/{kind}/{id}": "purges a job; without id all of the kind",
    "GET /_emulator/faults": "the faults on order, and which there are",
    "POST /_emulator/faults": '{"name": "status", "path": "/objects/jobs*", "times": 2,'
    ' "after": 1, "status": 503}',
    "DELETE /_emulator/faults": "cancels them",
    "GET /_emulator/requests": "what was asked so far: count, and method, path, query, status",
    "DELETE /_emulator/requests": "forgets it",
    "GET /_emulator/behaviour": "how it behaves where the documents leave it open",
    "PATCH /_emulator/behaviour": '{"salesforce_page_size": 10}',
    "DELETE /_emulator/tokens": "makes all access tokens void",
}
"""Also what `--help` shows."""

Handle = Callable[[Request, Any], Any]


def routes(state: State) -> list[Route]:
    """What is served; what is wrong with a request is answered with 400 and the reason."""
    table: list[tuple[str, str, Handle]] = [
        ("GET", "/", lambda *_: _about(state)),
        ("GET", "/_emulator", lambda *_: _about(state)),
        ("GET", "/_emulator/clock", lambda *_: _clock(state)),
        ("PUT", "/_emulator/clock", lambda _, said: _move(state, said)),
        ("GET", "/_emulator/jobs/{kind}", lambda asked, _: _jobs(state, asked)),
        ("POST", "/_emulator/jobs/{kind}", lambda asked, said: _put(state, asked, said)),
        ("DELETE", "/_emulator/jobs/{kind}", lambda asked, _: _purge(state, asked)),
        ("DELETE", "/_emulator/jobs/{kind}/{id}", lambda asked, _: _purge(state, asked)),
        ("GET", "/_emulator/faults", lambda *_: _faults(state)),
        ("POST", "/_emulator/faults", lambda _, said: _order(state, said)),
        ("DELETE", "/_emulator/faults", lambda *_: state.faults.clear()),
        ("GET", "/_emulator/requests", lambda *_: _requests(state)),
        ("DELETE", "/_emulator/requests", lambda *_: state.requests.clear()),
        ("GET", "/_emulator/behaviour", lambda *_: asdict(state.behaviour)),
        ("PATCH", "/_emulator/behaviour", lambda _, said: _behave(state, said)),
        ("DELETE", "/_emulator/tokens", lambda *_: state.tokens.expire()),
    ]
    return [Route(path, _endpoint(handle), methods=[method]) for method, path, handle in table]


def _endpoint(handle: Handle) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            said = orjson.loads(body) if body else {}
            if not isinstance(said, dict):
                raise ValueError("an object is expected")  # noqa: TRY301 - answered below
            done = handle(request, said)
        except (KeyError, TypeError, ValueError) as wrong:
            return answer({"error": f"{type(wrong).__name__}: {wrong}"}, 400)
        return answer({} if done is None else done)

    return endpoint


def _about(state: State) -> dict[str, Any]:
    world = state.world
    return {
        "emulator": "the job APIs of Zuora and Salesforce, with made-up jobs",
        "base_url": state.base_url,
        "now": state.clock.now(),
        "seed": world.seed,
        "jobs": {kind: len(world.jobs(kind)) for kind in KINDS},
        "control": ROUTES,
    }


def _clock(state: State) -> dict[str, Any]:
    return {"now": state.clock.now()}


def _move(state: State, said: dict[str, Any]) -> dict[str, Any]:
    if "now" in said:
        state.clock.set(datetime.fromisoformat(said["now"]))
    else:
        state.clock.advance(float(said["advance_seconds"]))
    return _clock(state)


def _jobs(state: State, asked: Request) -> dict[str, Any]:
    return {"jobs": state.world.records(asked.path_params["kind"])}


def _put(state: State, asked: Request, said: dict[str, Any]) -> dict[str, Any]:
    kind = asked.path_params["kind"]
    if "life" in said:
        life = said["life"]
        steps = tuple(
            Step(datetime.fromisoformat(step["at"]).timestamp(), step["state"])
            for step in life["steps"]
        )
        state.world.live(Life(**{**life, "kind": kind, "steps": steps}))
        return {"id": life["id"]}
    rest = {name: said[name] for name in ("listed", "errors") if name in said}
    return {"id": state.world.put(kind, said["record"], **rest)}


def _purge(state: State, asked: Request) -> dict[str, Any]:
    kind, job_id = asked.path_params["kind"], asked.path_params.get("id")
    return {"purged": state.world.purge(kind, job_id)}


def _faults(state: State) -> dict[str, Any]:
    return {"ordered": state.faults.told(), "there_are": MEANINGS}


def _order(state: State, said: dict[str, Any]) -> None:
    state.faults.add(Fault.of(said))


def _requests(state: State) -> dict[str, Any]:
    seen = list(state.requests)
    return {"count": len(seen), "requests": [asdict(one) for one in seen]}


def _behave(state: State, said: dict[str, Any]) -> dict[str, Any]:
    state.behaviour.change(said)
    return asdict(state.behaviour)
