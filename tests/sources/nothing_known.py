"""What a walk hears of a ledger that has nothing yet."""

import numpy as np
import pyarrow as pa

from jobledger.sources._provider.kind import Kind
from jobledger.sources._provider.known import Judged, KnownJob, News
from jobledger.sources._provider.seen import Digests


class NothingKnown:
    """An empty ledger: every job is new."""

    def knows(self, source: str, kind: Kind) -> bool:
        """It has none."""
        return False

    def news(
        self,
        source: str,
        kind: Kind,
        listed: pa.Table,
        *,
        is_full: bool,
    ) -> list[Judged | None]:
        """All of them."""
        return [Judged(News.NEW, None)] * listed.num_rows

    def told(self, source: str, kind: Kind) -> Digests:
        """Nothing."""
        return np.zeros(0, np.uint64)

    def open_jobs(self, source: str, kind: Kind) -> list[KnownJob]:
        """None."""
        return []

    def owed(self, source: str, kind: Kind) -> list[KnownJob]:
        """None."""
        return []
