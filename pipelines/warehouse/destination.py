"""The ledger, as dlt loads into it: dlt's own destination for DuckDB, asked in less time."""

from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.normalizers.naming import NamingConvention
from dlt.destinations import duckdb
from dlt.destinations.impl.duckdb.configuration import DuckDbClientConfiguration


class LedgerDestination(duckdb):
    """dlt's destination for DuckDB."""

    @property
    def destination_type(self) -> str:
        """What a pipeline's state calls it: in ledgers that were written before, too."""
        return "dlt.destinations.duckdb"

    def capabilities(
        self,
        config: DuckDbClientConfiguration | None = None,
        naming: NamingConvention | None = None,
    ) -> DestinationCapabilitiesContext:
        """What DuckDB can do.

        No setting changes that, and dlt reads them all anew each of the dozen times that it asks in
        one sync, which took a fifth of a small one.
        """
        return super().capabilities(self.spec() if config is None else config, naming)
