"""The files of DuckDB's: the ledger, which one sync at a time writes, and what readers open."""
