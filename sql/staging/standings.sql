-- one row per source, provider and kind that was ever synced: what its health is judged by
with finishes as (
    select
        source,
        provider,
        kind,
        max(counted_at) as last_finished_at,
    from staging.outcomes
    where is_finished
    group by source, provider, kind
),

recent as (
    select
        trends.source,
        trends.provider,
        trends.kind,
        max(trends.failure_rate_7d) filter (where trends.day = today.day) as failure_rate_7d,
        max(trends.failed_7d) filter (where trends.day = today.day) as failed_7d,
        max(trends.rated_7d) filter (where trends.day = today.day) as rated_7d,
        max(trends.day) filter (where trends.is_anomaly) as anomaly_on,
        arg_max(trends.failed, trends.day) filter (where trends.is_anomaly) as anomaly_failed,
    -- with their schema: where the file is attached, a bare name is looked up in what is in use
    from main.failure_trends as trends
    join (select cast(now at time zone 'UTC' as date) as day from staging.clock) as today
        on trends.day between today.day - 1 and today.day
    group by trends.source, trends.provider, trends.kind
),

stuck as (
    select
        source,
        provider,
        kind,
        count(*) filter (where is_stuck) as stuck_jobs,
    from main.open_jobs
    group by source, provider, kind
)

select
    source,
    provider,
    kind,
    kinds.kind is not null as has_jobs,  -- a job was ever seen
    syncs.last_complete_at,
    syncs.hours_since_complete,
    left_out.kind is not null as is_left_out,  -- the settings have it synced no more
    newest.outcome as last_outcome,
    newest.error_kind as last_error_kind,  -- what sort of fault cut the newest sync short
    -- twice its rhythm, or a day
    coalesce(2 * newest.schedule_seconds / 3600, 24) as stale_hours,  -- hours without a sync
    finishes.last_finished_at,  -- when a job last finished
    (epoch_us(clock.now) - epoch_us(finishes.last_finished_at)) / 86.4e9
        as days_since_finish,  -- up to now
    recent.failure_rate_7d,
    recent.failed_7d,
    coalesce(recent.rated_7d, 0) as rated_7d,
    -- at least half failed, of so many that it says something
    coalesce(recent.failure_rate_7d >= 0.5 and recent.rated_7d >= 3, false) as is_failing,
    recent.anomaly_on,  -- today or yesterday, where that day is an anomaly
    recent.anomaly_failed,  -- jobs that failed on it
    syncs.open_jobs,
    coalesce(stuck.stuck_jobs, 0) as stuck_jobs,  -- open jobs that should have moved by now
from main.sync_health as syncs
join staging.newest_runs as newest using (source, provider, kind)
cross join staging.clock as clock
-- all may be missing: where a kind is synced still, or no job was seen, has ended or is open
left join staging.left_out_kinds as left_out using (source, kind)
left join staging.kinds as kinds using (source, provider, kind)
left join finishes using (source, provider, kind)
left join recent using (source, provider, kind)
left join stuck using (source, provider, kind)
