-- one row per open job that should have moved by now
select
    source,
    kind,
    job_id,
    object,
    provider_status,
    stuck_reason,
    replace(stuck_reason, '_', ' ') || ': ' || coalesce(provider_status, status)
        || case when created_at is null then ', first seen ' else ', created ' end
        || round(age_seconds / 3600, 1) || ' h ago'
        -- of the others it may say no more than how long the ledger has known them
        || case
            when stuck_reason = 'no_change'
                then ', no change seen for ' || round(seconds_since_change / 3600, 1) || ' h'
            else ''
        end as problem,
from open_jobs
-- nobody looks at those any more
anti join staging.left_out_kinds using (source, kind)
where is_stuck
order by source, kind, job_id
