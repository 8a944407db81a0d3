"""A provider on loopback that is never what one waits for: every page is rendered beforehand.

It serves what both providers document (token, listings, single jobs) of a tenant with as many jobs
as wanted, each reply after as much latency as wanted, and counts what it is asked. A page of
`/objects/jobs` has as many jobs as the server is told, whatever was asked for: 100 as Zuora's
reference has it, or 1,000 as Salesforce's listings have.

    python -m benchmarks.server --jobs 1000000 --page 1000
"""

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from benchmarks import records

TOKEN: Final = (
    b'{"access_token":"c652cbc0ea384b9f81856a93a2a74538","token_type":"bearer","expires_in":3599}'
)
SALESFORCE: Final = "/services/data/v62.0/jobs/"


class World:
    """The jobs of one tenant, as pages that are ready to be sent."""

    def __init__(self, jobs: int, page: int, few: int, details: int) -> None:
        """`few` jobs of each small listing of Zuora, `details` of each kind of Salesforce."""
        self.now = datetime.now(UTC)
        self.jobs, self.page, self.details = jobs, page, details
        self.replies = 0
        self.bytes = 0
        self._pages = {at: self._page(at) for at in range(0, jobs, page)} or {
            0: _ok(b'{"jobs":[]}')
        }
        make = {
            "/v1/uno/data-backfill/listjobs": ("jobs", records.backfill_job),
            "/v1/uno/data-backfill/propagation/jobs": ("jobs", records.propagation_job),
            "/query/jobs": ("data", records.query_job),
        }
        self._whole = {
            path: _listing(key, [one(number, self.now) for number in range(few)])
            for path, (key, one) in make.items()
        }

    def _page(self, first: int, version: int = 0, changed: int = 0) -> bytes:
        count = min(self.page, self.jobs - first)
        jobs = list(records.custom_object_jobs(first, count, self.now))
        if changed:
            newer = records.custom_object_jobs(first, count, self.now, version)
            jobs[-changed:] = list(newer)[-changed:]
        is_last = first + count >= self.jobs
        cursor = b"" if is_last else b',"cursor":' + jobs[-1][6:44]
        return _listing("jobs", jobs, b',"count":%d%b' % (count, cursor))

    def change(self, jobs: int, version: int) -> None:
        """Changes that many jobs, spread evenly over the listing."""
        pages = max(1, min(jobs, len(self._pages)))
        every = max(1, len(self._pages) // pages)
        left = jobs
        for each, first in enumerate(islice(self._pages, 0, None, every)):
            share = min(left, -(-jobs // pages), self.page)
            if each < pages and share:
                self._pages[first] = self._page(first, version, share)
                left -= share

    def answer(self, target: str) -> bytes:
        """The reply to a request for this path and query."""
        url = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        path = url.path
        if path == "/objects/jobs":
            cursor = asked.get("cursor")
            return self._pages[0 if cursor is None else records.number_of(cursor) + 1]
        if path in self._whole:
            return self._whole[path]
        if path.endswith("/token"):
            return _ok(TOKEN)
        if path.startswith(SALESFORCE):
            return self._salesforce(*path.removeprefix(SALESFORCE).partition("/"), asked)
        if path == "/_bench/change":
            self.change(int(asked["jobs"]), int(asked["version"]))
            return _ok(b"{}")
        if path == "/_bench/stats":
            return _ok(json.dumps({"replies": self.replies, "bytes": self.bytes}).encode())
        return _ok(b'{"code":404,"message":"no such thing"}', "404 Not Found")

    def _salesforce(self, kind: str, slash: str, job_id: str, asked: dict[str, str]) -> bytes:
        is_query = kind == "query"
        if slash:
            number = int(job_id[5:13], 16)
            return _ok(records.salesforce_job(number, self.now, is_query=is_query, is_detail=True))
        first = int(asked.get("queryLocator", 0))
        last = min(first + 1000, self.details)
        jobs = [
            records.salesforce_job(number, self.now, is_query=is_query, is_detail=False)
            for number in range(first, last)
        ]
        rest = b',"done":true'
        if last < self.details:
            rest = b',"done":false,"nextRecordsUrl":"%b?queryLocator=%d"' % (
                (SALESFORCE + kind).encode(),
                last,
            )
        return _listing("records", jobs, rest)


class Exchange(asyncio.Protocol):
    """One connection."""

    def __init__(self, world: World, latency: float) -> None:
        self._world = world
        self._latency = latency
        self._got = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remembers whom to answer."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers each request that is whole."""
        self._got += data
        while b"\r\n\r\n" in self._got:
            head, _, rest = self._got.partition(b"\r\n\r\n")
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line[15:])
            if len(rest) < length:
                return
            self._got = rest[length:]
            target = head.split(b" ", 2)[1].decode()
            reply = self._world.answer(target)
            if target.startswith("/_bench/"):
                self._transport.write(reply)
                continue
            self._world.replies += 1
            self._world.bytes += len(reply)
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._transport.write, reply)
            else:
                self._transport.write(reply)


def _ok(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def _listing(key: str, jobs: list[bytes], rest: bytes = b"") -> bytes:
    return _ok(b'{"%b":[%b]%b}' % (key.encode(), b",".join(jobs), rest))


async def serve(world: World, latency: float, port: int) -> None:
    """Serves until it is ended; its address is the one line on stdout."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Exchange(world, latency), "127.0.0.1", port)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def main(arguments: list[str] | None = None) -> None:
    """Reads the arguments and serves."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.server", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000, help="custom object bulk jobs")
    parser.add_argument("--page", type=int, default=1000, help="of them on a page")
    parser.add_argument("--few", type=int, default=0, help="jobs of each other kind of Zuora")
    parser.add_argument("--details", type=int, default=0, help="jobs of each kind of Salesforce")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    parser.add_argument("--port", type=int, default=0)
    said = parser.parse_args(arguments)
    try:
        asyncio.run(
            serve(World(said.jobs, said.page, said.few, said.details), said.latency, said.port)
        )
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
