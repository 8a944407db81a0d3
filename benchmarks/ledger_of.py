"""A published ledger of as many jobs as are asked for, made by SQL in seconds.

    python benchmarks/ledger_of.py 1000000 /tmp/jobs.duckdb

Three accounts with eight kinds of two providers, two years of jobs up to now, one in ten with an
earlier version, one in fourteen failed with one of twelve messages that carry ids, numbers and
dates, and a sync an hour for the last 90 days. The same number gives the same jobs.
"""

import argparse
import tempfile
from pathlib import Path

import duckdb

from jobledger.pipelines.warehouse.ledger import Ledger
from jobledger.pipelines.warehouse.views import put_in_place

_MACROS = """
create or replace temp macro chance(i, salt) as hash(i, salt) % 1000000 / 1000000.0;
create or replace temp macro one_of(i, salt, choices) as
    choices[1 + (hash(i, salt) % len(choices))::int];
"""

_KINDS = """
create or replace temp table kinds as
select * from (values
    (0, 'zuora', 'zuora', 'data_query'), (1, 'zuora', 'zuora', 'data_query'),
    (2, 'zuora', 'zuora', 'custom_object_bulk'), (3, 'zuora', 'zuora', 'data_backfill'),
    (4, 'zuora', 'zuora', 'auto_backfill'), (5, 'zuora_eu', 'zuora', 'data_query'),
    (6, 'zuora_eu', 'zuora', 'custom_object_bulk'), (7, 'salesforce', 'salesforce', 'ingest'),
    (8, 'salesforce', 'salesforce', 'ingest'), (9, 'salesforce', 'salesforce', 'query')
) as kinds (slot, source, provider, kind)
"""

_JOBS = """
create or replace temp table made as
with drawn as (
    select
        i,
        kinds.* exclude (slot),
        now() - to_seconds(chance(i, 'when') * 730 * 86400) as created_at,
        pow(chance(i, 'long'), 4) * 7200 + 1 as run_seconds,
        chance(i, 'wait') * 60 as queue_seconds,
        chance(i, 'fate') as fate,
        (pow(chance(i, 'size'), 3) * 500000)::bigint + 1 as records,
    from range({jobs}) as numbers (i)
    join kinds on kinds.slot = hash(i, 'kind') % 10
),
timed as (
    select
        *,
        case
            when created_at + to_seconds(queue_seconds + run_seconds) > now()
                or fate > 0.9999 then 'running'
            when fate < 0.05 then 'failed'
            when fate < 0.07 then 'partial'
            when fate < 0.08 then 'cancelled'
            when fate < 0.081 then 'vanished'
            else 'succeeded'
        end as status,
    from drawn
)
select
    source, provider, kind,
    one_of(i, 'prefix', ['750', 'a0B', '2c9'])
        || lpad(to_base((hash(i, 'id') // 2)::bigint, 36), 15, '0') as job_id,
    case when kind not in ('data_query', 'query')
        then one_of(i, 'object', ['Account', 'Contact', 'Invoice', 'RatePlanCharge', 'Opportunity',
            'Case', 'vehicle', 'Subscription']) end as object,
    case kind when 'data_backfill' then 'backfill' when 'auto_backfill' then 'propagate'
        when 'data_query' then 'query' when 'query' then 'query'
        else one_of(i, 'operation', ['insert', 'update', 'upsert', 'delete']) end as operation,
    status,
    upper(status) as provider_status,
    status <> 'running' as is_terminal,
    created_at,
    case when kind = 'data_backfill' then created_at + to_seconds(queue_seconds) end as started_at,
    case when status not in ('running', 'vanished')
        then created_at + to_seconds(queue_seconds + run_seconds) end as finished_at,
    created_at + to_seconds(queue_seconds + run_seconds) as updated_at,
    case when kind = 'data_backfill' then 'reported' else 'last_modified' end as finished_at_basis,
    case when kind = 'data_backfill' then queue_seconds end as queue_seconds,
    case when is_terminal then run_seconds end as run_seconds,
    case when status not in ('running', 'vanished') then queue_seconds + run_seconds end
        as total_seconds,
    case when is_terminal then 'reported' end as run_basis,
    case when kind = 'data_backfill' then records end as records_total,
    case when kind <> 'auto_backfill' then records end as records_processed,
    case when kind in ('data_backfill', 'ingest', 'query', 'auto_backfill') then
        case status when 'failed' then records when 'partial' then records // 20 + 1 else 0 end
    end as records_failed,
    case when kind in ('data_backfill', 'ingest') then records - records_failed end
        as records_succeeded,
    case when kind = 'data_backfill' then 1.0 end as progress,
    case when status = 'failed' and kind = 'custom_object_bulk' then 'E' || (i % 7) end
        as error_code,
    case when status = 'failed' then replace(replace(replace(one_of(i, 'message', [
        'UNABLE_TO_LOCK_ROW: unable to obtain exclusive access to this record: {{id}}',
        'InvalidBatch : Field name not found : Custom_{{n}}__c',
        'Query exceeded the time limit of {{n}} seconds at {{at}}',
        'line 1:{{n}}: Column ''{{id}}'' cannot be resolved',
        'Failed to parse CSV: row {{n}} has 12 columns, expected 11',
        'REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded.',
        'The job was aborted since the file "{{id}}.csv" is larger than 4294967296 bytes',
        'Internal error 50000060, reference {{id}}-{{n}}',
        'Job {{id}} could not be started before {{at}}; try again later',
        'INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY: insufficient access rights on {{id}}',
        'Too many rows: {{n}} > 100000',
        'upstream connect error or disconnect/reset before headers'
    ]), '{{id}}', to_base((hash(i, 'mention') // 2)::bigint, 36)), '{{n}}', (i % 9973)::varchar),
        '{{at}}', created_at::varchar) end as error_message,
    one_of(i, 'who', ['integration@example.com', 'ada@example.com', 'etl@example.com'])
        as created_by,
    records * 120 as input_bytes,
    case when kind = 'query' then records * 90 end as output_bytes,
from timed
"""

_VERSIONS = """
insert into loaded.job_versions by name
with versions as (
    select *, 'h' || job_id as row_hash, updated_at + interval 20 minutes as valid_from,
        null::timestamptz as valid_to
    from made
    union all by name
    select * replace ('running' as status, 'RUNNING' as provider_status, false as is_terminal,
            null as finished_at, null as run_seconds, null as total_seconds,
            null as error_message, null as error_code),
        'g' || job_id as row_hash, created_at + interval 5 minutes as valid_from,
        updated_at + interval 20 minutes as valid_to,
    from made
    where is_terminal and hash(job_id) % 10 = 0
)
select * exclude (valid_from),
    least(valid_from, now() - interval 1 second) as valid_from,
    json_object('id', job_id, 'object', object, 'operation', operation, 'state', provider_status,
        'createdDate', created_at, 'createdById', created_by, 'systemModstamp', updated_at,
        'concurrencyMode', 'Parallel', 'contentType', 'CSV', 'apiVersion', 62.0,
        'jobType', 'V2Ingest', 'lineEnding', 'LF', 'columnDelimiter', 'COMMA',
        'numberRecordsProcessed', records_processed, 'numberRecordsFailed', records_failed,
        'errorMessage', error_message) as raw,
    'made' as _dlt_load_id,
from versions
order by valid_from
"""

_RUNS = """
insert into loaded.sync_runs by name
select
    'sync' || hour as sync_id, source, provider, kind,
    now() - to_hours(hour::int) - interval 10 minutes as started_at,
    now() - to_hours(hour::int) - interval 9 minutes as finished_at,
    case hash(hour, source, kind) % 50 when 0 then 'incomplete' when 1 then 'failed'
        else 'complete' end as outcome,
    12 as requests, 0 as retries, 0.0 as throttled_seconds, 10 as pages, 1000 as jobs_listed,
    20 as jobs_changed, 0 as details_fetched, 0 as details_pending, 3 as open_jobs, 0 as rejected,
    'recent' as scope, 3600.0 as schedule_seconds, 'made' as _dlt_load_id,
from range(24 * 90) as hours (hour)
cross join (select distinct source, provider, kind from kinds) as kinds
"""

_REST = """
insert into loaded.job_details by name
select source, kind, job_id, 'x' as listing_hash, 'merged' as detail, valid_from as asked_at
from loaded.job_versions where source = 'salesforce' and valid_to is null;
insert into loaded.rejected_records by name
select 'sync' || i as sync_id, 'zuora' as source, 'data_query' as kind, 'j' || i as job_id,
    'createdOn' as field, 'not a time' as problem, '"soon"' as raw,
    now() - to_hours(i::int) as seen_at, 'made' as _dlt_load_id
from range(1000) as numbers (i);
"""


def make(jobs: int, published: Path) -> None:
    """Makes a published ledger of that many jobs."""
    with (
        tempfile.TemporaryDirectory(dir=published.parent) as folder,
        Ledger(Path(folder) / "ledger.duckdb", Path(folder) / "none.duckdb") as ledger,
    ):
        ledger.published = published
        fill(ledger.connection, jobs)
        ledger.publish(put_views)


def put_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Puts the views in place that every ledger has."""
    put_in_place(connection, None)


def fill(connection: duckdb.DuckDBPyConnection, jobs: int) -> None:
    """Fills the tables of a ledger."""
    for statements in (_MACROS, _KINDS, _JOBS.format(jobs=jobs), _VERSIONS, _RUNS, _REST):
        connection.execute(statements)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("jobs", type=int)
    parser.add_argument("published", type=Path)
    said = parser.parse_args()
    make(said.jobs, said.published)
