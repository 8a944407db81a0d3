-- one row per source, provider and kind that was ever synced: how its syncs stand
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

standings as (
    select
        source,
        provider,
        kind,
        kinds.kind is not null as has_jobs,
        left_out.kind is not null as is_left_out,
        newest.last_complete_at,
        finishes.last_finished_at,
        (epoch_us(clock.now) - epoch_us(finishes.last_finished_at)) / 86.4e9 as days_since_finish,
        (epoch_us(clock.now) - epoch_us(newest.last_complete_at)) / 3.6e9 as hours_since_complete,
        -- twice its rhythm, or a day
        coalesce(2 * newest.schedule_seconds / 3600, 24) as stale_hours,
        list_transform([hours_since_complete, stale_hours], lambda hours: case
            when hours < 1 / 60 then cast(round(hours * 3600) as bigint) || ' s'
            when hours < 1 then cast(round(hours * 60) as bigint) || ' min'
            when hours <= 48 then round(hours, 1) || ' h'
            else round(hours / 24, 1) || ' days'
        end) as spans,
        case
            when newest.outcome = 'complete' then ''
            else '; the last sync '
                || case newest.outcome when 'failed' then 'failed' else 'was ' || newest.outcome end
                || coalesce(' (' || newest.error_kind || ')', '')
        end as how_it_ended,
    from staging.newest_runs as newest
    cross join staging.clock as clock
    -- all may be missing: where a kind is synced still, or no job was seen, or has ended
    left join staging.left_out_kinds as left_out using (source, kind)
    left join staging.kinds as kinds using (source, provider, kind)
    left join finishes using (source, provider, kind)
)

select
    source,
    provider,
    kind,
    last_complete_at,
    last_finished_at,  -- when a job last finished: succeeded, partial, failed or cancelled
    days_since_finish,  -- up to now
    case
        when last_complete_at is null or hours_since_complete >= stale_hours then 'stale'
        when not has_jobs then 'no data'
    end as health,  -- stale or no data; NULL where the jobs decide
    case
        when health = 'stale' and is_left_out
            then 'not synced any more, since the settings leave it out'
            || coalesce('; last complete ' || spans[1] || ' ago', '')
        when last_complete_at is null then 'no sync has been complete yet' || how_it_ended
        when health = 'stale' then 'no complete sync for ' || spans[1] || ', and ' || spans[2]
            || ' is the limit' || how_it_ended
        when health = 'no data' then 'synced ' || spans[1] || ' ago, and there was no job'
    end as reason,  -- why, in a sentence
from standings
