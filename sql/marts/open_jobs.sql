-- one row per job that is not terminal
with durations as (
    -- joined twice, worked out once
    select * from staging.expected_durations
),

expected as (
    select
        jobs.*,
        (epoch_us(clock.now) - epoch_us(coalesce(jobs.created_at, jobs.first_seen_at))) / 1e6
            as age_seconds,
        (epoch_us(clock.now) - epoch_us(jobs.last_changed_at)) / 1e6 as seconds_since_change,
        -- a kind that never tells its total time is measured by its running time
        case
            when kind.total_count > 0 and object.total_count >= 20 then object.total_p95
            when kind.total_count >= 20 then kind.total_p95
            when kind.total_count = 0 and object.run_count >= 20 then object.run_p95
            when kind.total_count = 0 and kind.run_count >= 20 then kind.run_p95
        end as expected_seconds,
        lower(jobs.provider_status) as word,
    from jobs
    cross join staging.clock as clock
    -- either may be missing: nothing like the job has ended in 90 days
    left join durations as object
        on object.source = jobs.source and object.provider = jobs.provider
        and object.kind = jobs.kind and object.object is not distinct from jobs.object
        and not object.is_kind
    left join durations as kind
        on kind.source = jobs.source and kind.provider = jobs.provider
        and kind.kind = jobs.kind and kind.is_kind
    where not jobs.is_terminal
),

judged as (
    select
        expected.*,
        case
            -- closed to us for good: there is no telling whether it still runs
            when refused.job_id is not null and word = 'closed' then null
            when (kind = 'custom_object_bulk' and word = 'pending'
                or provider = 'salesforce' and word = 'open')
                and age_seconds > 86400 then 'waiting_for_data'
            -- a day, where nothing is expected
            when age_seconds > greatest(3 * coalesce(expected_seconds, 28800), 3600) then 'slow'
            when seconds_since_change > 86400 then 'no_change'
        end as stuck_reason,
    from expected
    -- missing for nearly all: only a job whose detail the provider refuses is there
    left join staging.refused_details as refused using (source, kind, job_id)
)

select
    source,
    provider,
    kind,
    job_id,
    object,
    operation,
    status,
    provider_status,
    created_at,
    last_changed_at,
    age_seconds,  -- since it was created, else since it was first seen
    seconds_since_change,  -- since its newest version was observed
    expected_seconds,  -- what 95 % of such jobs of the last 90 days took; NULL below 20 of them
    stuck_reason is not null as is_stuck,  -- it should have moved by now
    stuck_reason,  -- waiting_for_data, slow or no_change: the first that holds
from judged
