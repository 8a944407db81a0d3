-- one row per source, provider and kind that was ever synced
with judged as (
    select
        *,
        case
            when last_complete_at is null then 'stale'
            when hours_since_complete >= stale_hours then 'stale'
            when not has_jobs then 'no data'
            when is_failing then 'failing'
            when stuck_jobs > 0 then 'stuck'
            when failure_rate_7d >= 0.1 or anomaly_on is not null then 'degraded'
            when days_since_finish is null or days_since_finish > 30 then 'idle'
            else 'healthy'
        end as health,
        list_transform([hours_since_complete, stale_hours], lambda hours: case
            when hours < 1 / 60 then cast(round(hours * 3600) as bigint) || ' s'
            when hours < 1 then cast(round(hours * 60) as bigint) || ' min'
            when hours <= 48 then round(hours, 1) || ' h'
            else round(hours / 24, 1) || ' days'
        end) as spans,
        spans[1] as since_complete,
        spans[2] as stale_after,
        case
            when last_outcome = 'complete' then ''
            else '; the last sync ended ' || last_outcome
                || coalesce(' (' || last_error_kind || ')', '')
        end as how_it_ended,
    from staging.standings
)

select
    source,
    provider,
    kind,
    health,  -- stale, no data, failing, stuck, degraded, idle or healthy: the first that holds
    case
        when health = 'stale' and is_left_out
            then 'not synced any more, since the settings leave it out'
            || coalesce('; last complete ' || since_complete || ' ago', '')
        when last_complete_at is null then 'no sync has been complete yet' || how_it_ended
        when health = 'stale' then 'no complete sync for ' || since_complete
            || ', and ' || stale_after || ' is the limit' || how_it_ended
        when health = 'no data' then 'synced ' || since_complete
            || ' ago, and there was no job'
        when health = 'stuck' then stuck_jobs || ' of ' || open_jobs || ' open jobs stuck'
        when health = 'degraded' and coalesce(failure_rate_7d, 0) < 0.1 then anomaly_failed
            || ' jobs failed on ' || anomaly_on || ', far more than in the 28 days before'
        when days_since_finish is null then 'no job has finished yet, of ' || open_jobs || ' open'
        when health = 'idle' then 'no job finished for '
            || cast(round(days_since_finish) as bigint) || ' days'
        when rated_7d = 0 then 'no job to rate in 7 days'
        when failed_7d = 0 then 'none of ' || rated_7d || ' jobs failed in 7 days'
        else failed_7d || ' of ' || rated_7d || ' jobs failed in 7 days ('
            || round(100 * failure_rate_7d, 1) || ' %)'
    end as reason,  -- why, in a sentence
    last_finished_at,  -- when a job last finished: succeeded, partial, failed or cancelled
    failure_rate_7d,  -- failed ÷ rated of today and the six days before, in UTC
    rated_7d,  -- rated jobs of those days
    open_jobs,
    stuck_jobs,
    last_complete_at as last_complete_sync_at,  -- when the newest complete sync ended
from judged
order by source, kind
