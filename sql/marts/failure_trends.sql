-- one row per day (UTC), source, provider and kind
with windows as (
    select
        day,
        source,
        provider,
        kind,
        failed,
        rated,
        failed / nullif(rated, 0) as failure_rate,
        sum(failed) over last_7_days as failed_7d,
        sum(rated) over last_7_days as rated_7d,
        sum(failed) over before as failed_28d,
        sum(rated) over before as rated_28d,
        -- days without rated jobs have no rate, and are not counted
        count(failed / nullif(rated, 0)) over before as rates_28d,
        avg(failed / nullif(rated, 0)) over before as mean_28d,
        stddev_samp(failed / nullif(rated, 0)) over before as deviation_28d,
    from job_outcomes_daily
    -- by days, since one of the future stands apart from the calendar
    window
        last_7_days as (
            partition by source, provider, kind order by day
            range between interval 6 days preceding and current row
        ),
        before as (
            partition by source, provider, kind order by day
            range between interval 28 days preceding and interval 1 day preceding
        )
),

scores as (
    select
        *,
        failed_7d / nullif(rated_7d, 0) as failure_rate_7d,
        failed_28d / nullif(rated_28d, 0) as failure_rate_28d,
        case
            when rates_28d >= 7 then (failure_rate - mean_28d) / greatest(deviation_28d, 0.01)
        end as z_score,
    from windows
)

select
    day,
    source,
    provider,
    kind,
    failed,
    rated,
    failure_rate,  -- failed ÷ rated; NULL where nothing was rated
    failure_rate_7d,  -- failed ÷ rated of the 7 days that end with the day
    cast(failed_7d as bigint) as failed_7d,  -- failed jobs of those 7 days
    cast(rated_7d as bigint) as rated_7d,  -- rated jobs of those 7 days
    failure_rate_28d,  -- failed ÷ rated of the 28 days before the day
    failure_rate - failure_rate_28d as change,  -- the day against the 28 days before it
    z_score,  -- the day against the daily rates before it; NULL if fewer than 7 days had one
    coalesce(z_score >= 3 and failed >= 3, false) as is_anomaly,  -- z_score ≥ 3 and 3 failed
from scores
