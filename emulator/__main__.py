"""Runs the emulator from a shell: `python -m jobledger.emulator --help`."""

import argparse
import os
import signal
import sys
import textwrap
import threading
from datetime import UTC, datetime
from typing import Final

from . import control, faults, story, tokens
from .clock import Clock
from .server import serving
from .world import World

SETTINGS: Final = f"""\
# .dlt/config.toml
{tokens.CONFIG}
# .dlt/secrets.toml
{tokens.SECRETS}"""
OTHER_LOGINS: Final = f"""\
# the other ways to log in to Salesforce:
# refresh_token = "{tokens.SALESFORCE_REFRESH_TOKEN}"
# username = "{tokens.SALESFORCE_USERNAME}"    # JWT bearer; any RSA key will do
"""


def main() -> int:
    """Serves until stopped."""
    asked = _parser().parse_args()
    now = asked.now or datetime.now(UTC)
    clock = Clock(now, rate=0 if asked.still else asked.rate)
    world = World(asked.seed, now=now, jobs=asked.jobs, days=asked.days, clock=clock)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    try:
        with serving(world, port=asked.port) as running:
            sys.stdout.write(SETTINGS.format(url=running.base_url) + OTHER_LOGINS)
            sys.stdout.flush()
            url = running.base_url
            sys.stderr.write(f"serving on {url}; {url}/_emulator tells more; Ctrl-C stops it\n")
            while not stop.wait(1):
                pass
    except OSError as taken:
        why = os.strerror(taken.errno or 0)
        sys.stderr.write(f"emulator: cannot listen on port {asked.port}: {why}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {__package__}",
        description="Serves the job APIs of Zuora and Salesforce on 127.0.0.1, with made-up jobs"
        " whose states advance with its clock. The credentials it prints are no secret.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--seed", type=int, default=1, help="another number, other jobs")
    parser.add_argument("--now", type=_time, help="the time to start at (ISO 8601); else now")
    parser.add_argument(
        "--jobs",
        type=int,
        default=story.USUAL,
        help=f"how many Zuora has, about ({story.USUAL:,}); Salesforce's come in proportion",
    )
    parser.add_argument("--days", type=int, default=story.DAYS, help="how far back they go")
    parser.add_argument(
        "--rate", type=float, default=1.0, help="emulated seconds a second (1); 60 is fast"
    )
    parser.add_argument("--still", action="store_true", help="the clock stands still until moved")
    return parser


def _epilog() -> str:
    lines = ["control, in JSON:"]
    for route, meaning in control.ROUTES.items():
        lines.append(f"  {route}")
        lines += textwrap.wrap(meaning, 88, initial_indent=" " * 6, subsequent_indent=" " * 6)
    lines.append("\nfaults (name; with path, a pattern; times, null for always; after):")
    for name, meaning in faults.MEANINGS.items():
        wrapped = textwrap.wrap(meaning, 72, subsequent_indent=" " * 18)
        lines.append(f"  {name:<14}  " + "\n".join(wrapped))
    return "\n".join(lines)


def _time(said: str) -> datetime:
    told = datetime.fromisoformat(said)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
