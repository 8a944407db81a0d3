"""Remembering very many jobs in eight bytes each: the only thing that grows with a listing.

Digests are kept in sorted runs, each at least eight times as long as the next, so that a page of
them is looked up, and kept, in a few steps for all of it.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Digests: TypeAlias = NDArray[np.uint64]


class Seen:
    """The jobs seen in one walk."""

    def __init__(self) -> None:
        self._runs: list[Digests] = []

    def add(self, identities: Sequence[str]) -> list[bool]:
        """Which of them were not there before; of several that are the same, the first."""
        digests, first = np.unique(_hashes(identities), return_index=True)
        is_new = ~self._have(digests)
        self._keep(digests[is_new])
        told = np.zeros(len(identities), np.bool_)
        told[first[is_new]] = True
        return told.tolist()

    def __contains__(self, identity: str) -> bool:
        return bool(self._have(_hashes([identity]))[0])

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def _have(self, digests: Digests) -> NDArray[np.bool_]:
        found = np.zeros(len(digests), np.bool_)
        for run in self._runs:
            found |= among(digests, run)
        return found

    def _keep(self, run: Digests) -> None:
        while self._runs and len(self._runs[-1]) < 8 * len(run):
            longer = self._runs.pop()
            count = len(longer)
            # all where it is: of millions there is no room for one more copy
            longer.resize(count + len(run), refcheck=False)
            longer[count:] = run
            longer.sort(kind="stable")
            run = longer
        if len(run):
            self._runs.append(run)


def _hashes(identities: Sequence[str]) -> Digests:
    # Python's own, whose key is another one in every process: nobody can choose ids that look alike
    return np.fromiter(map(hash, identities), np.int64, len(identities)).view(np.uint64)


def among(digests: Digests, run: Digests) -> NDArray[np.bool_]:
    """Which of the digests are in a sorted run."""
    if not len(run):
        return np.zeros(len(digests), np.bool_)
    at = np.searchsorted(run, digests)
    found: NDArray[np.bool_] = run[np.minimum(at, len(run) - 1)] == digests
    return found


def digests_of(hashes: Sequence[str]) -> Digests:
    """The first eight of the sixteen bytes of hashes that are written in hexadecimal digits."""
    halves = np.frombuffer(bytes.fromhex("".join(hashes)), ">u8")
    return halves[::2].astype(np.uint64)
