"""The providers' job APIs, served on this machine: the demo's and the tests' provider.

It imports nothing of jobledger: a fake that shares code with what it fakes would prove nothing.
What it serves follows the providers' documents; `Behaviour` has what those leave open.

    with serving(World(seed=1)) as running:
        running.base_url        # http://127.0.0.1:…
        running.clock.advance(timedelta(hours=1))
        running.world.put("data_query", {...})
        running.faults.order("status", "/query/jobs", status=503, times=2)
"""

from .behaviour import Behaviour
from .clock import Clock
from .faults import Fault, Faults
from .lives import Fate, Life, Moment, Step
from .state import Seen
from .world import KINDS, World

try:
    from .server import Running, serving
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"the emulator needs {error.name}, which is not installed: run"
        " pip install 'jobledger[demo]'",
        name=error.name,
    ) from None

__all__ = [
    "KINDS",
    "Behaviour",
    "Clock",
    "Fate",
    "Fault",
    "Faults",
    "Life",
    "Moment",
    "Running",
    "Seen",
    "Step",
    "World",
    "serving",
]
