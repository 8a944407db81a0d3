-- one row per open job that should have moved by now
select
    source,
    kind,
    job_id,
    object,
    provider_status,
    stuck_reason,
    stuck_reason || ': ' || coalesce(provider_status, status) || ', created '
        || round(age_seconds / 3600, 1) || ' h ago, unchanged for '
        || round(greatest(seconds_since_change, 0) / 3600, 1) || ' h' as problem,
from open_jobs
where is_stuck
order by source, kind, job_id
