"""Published files as a sync leaves them, made by hand."""

from pathlib import Path

import duckdb

LEDGER = """
create schema ledger.loaded;
create schema ledger.staging;
use ledger;
create table loaded.job_versions as from (values
    ('zuora', 'data_query', 'q-1', 'succeeded', timestamptz '2026-11-23 12:00:00+00',
        12.5::double, null, json '{"id": "q-1", "rows": 3}'),
    ('zuora', 'data_query', 'q-2', 'failed', timestamptz '2026-11-24 08:30:00.25+00',
        null, 'no such column: Foo', json '{"id": "q-2"}'),
    ('sf', 'ingest', '7501', 'partial', null, 3600.0, 'row 1 | row 2', json '{"id": "7501"}'),
) as versions(source, kind, job_id, status, finished_at, run_seconds, error_message, raw);
create view staging.current_jobs as select * from loaded.job_versions;
create view jobs as select * from staging.current_jobs;
create view failed_jobs as
    select source, job_id, error_message from jobs where status in ('failed', 'partial');
comment on view jobs is 'one row per job';
comment on view failed_jobs is 'one row per failed or partial job';
comment on column jobs.source is 'the account''s name';
comment on column jobs.run_seconds is 'the provider''s own processing time';
"""


def publish(path: Path, sql: str = LEDGER) -> Path:
    """Puts a ledger in the place of what is there, as a sync does; gives its path."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{fresh}' as ledger (storage_version 'v1.4.0')")
        connection.execute(sql)
        connection.execute("use memory")
        connection.execute("detach ledger")
    fresh.replace(path)
    return path
