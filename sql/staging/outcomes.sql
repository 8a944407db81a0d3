-- one row per job that has ended
with dated as (
    select *, finished_at as counted_at
    from staging.current_versions
    where is_terminal and finished_at is not null
),

-- a job may have ended, been taken up again and ended once more
ended_before as (
    select source, kind, job_id, min(valid_from) as seen_at
    from staging.versions
    where is_terminal and valid_to is not null
    group by source, kind, job_id
),

-- apart from the others, since they are few and what they are joined with is not
undated as (
    select jobs.*, least(jobs.valid_from, ended_before.seen_at) as counted_at
    from staging.current_versions as jobs
    -- missing for nearly all: they ended once
    left join ended_before using (source, kind, job_id)
    where jobs.is_terminal and jobs.finished_at is null
),

ended as (
    select * from dated
    union all
    select * from undated
)

select
    source,
    provider,
    kind,
    job_id,
    object,
    operation,
    status,
    status in ('succeeded', 'partial', 'failed', 'cancelled') as is_finished,  -- seen to end
    status in ('succeeded', 'partial', 'failed') as is_rated,  -- counts in rates
    finished_at,
    counted_at,  -- when it counts: its end, else when it was first seen to have ended
    queue_seconds,
    run_seconds,
    total_seconds,
    records_processed,
    records_failed,
    error_code,
    error_message,
from ended
