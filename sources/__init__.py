"""Where jobs come from: every module here that does not begin with an underscore is a provider.

To add a provider is to add a file. Nothing lists them.
"""

import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # a kind knows Arrow, which takes longer to import than a query takes
    from jobledger.sources._provider.kind import Provider


@cache
def providers() -> dict[str, "Provider"]:
    """All providers by name. A module's `PROVIDER` is the provider."""
    names = [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
    found = [import_module(f"{__name__}.{name}").PROVIDER for name in sorted(names)]
    return {provider.name: provider for provider in found}


def known_kinds() -> dict[str, list[str]]:
    """The kinds of every provider."""
    return {name: [kind.name for kind in provider.kinds] for name, provider in providers().items()}
