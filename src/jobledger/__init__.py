"""A permanent, queryable ledger of bulk jobs."""
