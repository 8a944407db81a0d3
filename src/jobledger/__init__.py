"""A permanent, queryable ledger of bulk jobs."""

from os import PathLike, fspath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    __version__: str

__all__ = ["__version__", "connect"]


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # looked up when asked for, since it takes longer than the rest of this module
    from importlib.metadata import version

    return version(__name__)


def connect(project: str | PathLike[str] | None = None) -> "DuckDBPyConnection":
    """A connection that reads the ledger, for notebooks.

    The project is the folder with `.dlt/`: that of `JOBLEDGER_PROJECT`, else the present one,
    unless you name it. Views are found by their names, times are in UTC. The ledger cannot be
    written to; else it is a connection like any other, which also knows your data frames. It keeps
    seeing what was published when it was made, and no sync waits for it: call again to see what
    is new, and once in each thread, since a cursor of it knows neither those names nor the time
    zone. Raises `jobledger.pipelines.errors.JobledgerError`.

        import jobledger

        con = jobledger.connect()
        con.sql("from success_rates").df()                          # pandas
        con.sql("from jobs where status = 'failed'").pl()           # polars
        con.sql("select kind, count(*) from jobs group by kind").show()
    """
    from jobledger.pipelines.project import Project
    from jobledger.pipelines.query import attached

    return attached(Project.find(None if project is None else fspath(project)).warehouse)
