-- one row per job that has ended
with first_seen_terminal as (
    -- when a job that tells no end was first seen to have ended
    select
        versions.source,
        versions.kind,
        versions.job_id,
        min(versions.valid_from) as seen_at,
    from staging.versions as versions
    -- no use for the others, and there are many
    where versions.finished_at is null and versions.is_terminal
    group by versions.source, versions.kind, versions.job_id
)

select
    jobs.source,
    jobs.provider,
    jobs.kind,
    jobs.job_id,
    jobs.object,
    jobs.operation,
    jobs.status,
    jobs.status in ('succeeded', 'partial', 'failed', 'cancelled') as is_finished,  -- seen to end
    jobs.status in ('succeeded', 'partial', 'failed') as is_rated,  -- counts in rates
    jobs.finished_at,
    coalesce(jobs.finished_at, first_seen_terminal.seen_at) as counted_at,  -- when it counts
    jobs.queue_seconds,
    jobs.run_seconds,
    jobs.total_seconds,
    jobs.records_processed,
    jobs.records_failed,
    jobs.error_code,
    jobs.error_message,
from staging.current_versions as jobs
-- missing for nearly all: they tell their end
left join first_seen_terminal using (source, kind, job_id)
where jobs.is_terminal
