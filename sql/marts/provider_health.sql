-- one row per source, provider and kind that was ever synced
with recent as (
    select
        trends.source,
        trends.provider,
        trends.kind,
        max(trends.failure_rate_7d) filter (where trends.day = today.day) as failure_rate_7d,
        max(trends.failed_7d) filter (where trends.day = today.day) as failed_7d,
        max(trends.rated_7d) filter (where trends.day = today.day) as rated_7d,
        max(trends.day) filter (where trends.is_anomaly) as anomaly_on,
        arg_max(trends.failed, trends.day) filter (where trends.is_anomaly) as anomaly_failed,
    from failure_trends as trends
    join (select cast(now at time zone 'UTC' as date) as day from staging.clock) as today
        on trends.day between today.day - 1 and today.day
    group by trends.source, trends.provider, trends.kind
),

unfinished as (
    select
        source,
        provider,
        kind,
        count(*) as open_jobs,
        count(*) filter (where is_stuck) as stuck_jobs,
    from open_jobs
    group by source, provider, kind
),

judged as (
    select
        *,
        case
            when coalesce(rated_7d, 0) = 0 then 'no job to rate in 7 days'
            when failed_7d = 0 then 'none of ' || rated_7d || ' jobs failed in 7 days'
            else failed_7d || ' of ' || rated_7d || ' jobs failed in 7 days ('
                || round(100 * failure_rate_7d, 1) || ' %)'
        end as rate,
        case
            when health is not null then [health, reason]
            when failure_rate_7d >= 0.5 and rated_7d >= 3 then ['failing', rate]
            when stuck_jobs > 0
                then ['stuck', stuck_jobs || ' of ' || open_jobs || ' open jobs stuck']
            when failure_rate_7d >= 0.1 then ['degraded', rate]
            when anomaly_on is not null then ['degraded', anomaly_failed || ' jobs failed on '
                || anomaly_on || ', far more than in the 28 days before']
            when days_since_finish is null
                then ['idle', 'no job has finished yet, of ' || coalesce(open_jobs, 0) || ' open']
            when days_since_finish > 30 then ['idle', 'no job finished for '
                || cast(round(days_since_finish) as bigint) || ' days']
            else ['healthy', rate]
        end as ladder,
    from staging.standings
    left join recent using (source, provider, kind)
    left join unfinished using (source, provider, kind)
)

select
    source,
    provider,
    kind,
    ladder[1] as health,  -- stale, no data, failing, stuck, degraded, idle or healthy
    ladder[2] as reason,  -- why, in a sentence
    last_finished_at,
    failure_rate_7d,  -- failed ÷ rated of today and the six days before, in UTC
    coalesce(rated_7d, 0) as rated_7d,  -- rated jobs of those days
    coalesce(open_jobs, 0) as open_jobs,  -- jobs that are not terminal
    coalesce(stuck_jobs, 0) as stuck_jobs,  -- open jobs that should have moved by now
    last_complete_at as last_complete_sync_at,  -- when the newest complete sync ended
from judged
order by source, kind
