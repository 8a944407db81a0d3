"""The jobs seen in one walk: the only thing that grows with a listing."""

import hashlib
import os

_DIGEST_BYTES = 8


class Seen:
    """A set of job ids, kept as eight-byte digests."""

    def __init__(self) -> None:
        # a key of its own each time, so that nobody can choose ids that look alike
        self._key = os.urandom(16)
        self._digests: set[int] = set()

    def _digest(self, identity: bytes) -> int:
        digest = hashlib.blake2b(identity, digest_size=_DIGEST_BYTES, key=self._key).digest()
        return int.from_bytes(digest, "big")

    def add(self, identity: bytes) -> bool:
        """Whether it was not there before."""
        digest = self._digest(identity)
        if digest in self._digests:
            return False
        self._digests.add(digest)
        return True

    def __contains__(self, identity: bytes) -> bool:
        return self._digest(identity) in self._digests

    def __len__(self) -> int:
        return len(self._digests)
