-- one row per failed or partial job, newest first
select
    source,
    provider,
    kind,
    job_id,
    object,
    operation,
    status,
    finished_at,
    records_failed,
    error_code,
    error_message,
from staging.outcomes
where status in ('failed', 'partial')
order by counted_at desc, source, kind, job_id
