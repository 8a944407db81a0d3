-- one row per open job that should have moved by now
select
    source,
    kind,
    job_id,
    object,
    provider_status,
    stuck_reason,
    stuck_reason || ': ' || coalesce(provider_status, status)
        || case when created_at is null then ', first seen ' else ', created ' end
        || round(age_seconds / 3600, 1) || ' h ago, unchanged for '
        || case
            when seconds_since_change < 3600
                then cast(greatest(round(seconds_since_change / 60), 1) as bigint) || ' min'
            else round(seconds_since_change / 3600, 1) || ' h'
        end as problem,
from open_jobs
-- nobody looks at those any more
anti join staging.left_out_kinds using (source, kind)
where is_stuck
order by source, kind, job_id
