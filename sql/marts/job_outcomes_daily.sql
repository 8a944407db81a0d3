-- one row per day (UTC), source, provider and kind
with outcomes as (
    select
        cast(counted_at at time zone 'UTC' as date) as day,
        source,
        provider,
        kind,
        count(*) filter (where is_finished) as finished,
        count(*) filter (where is_rated) as rated,
        count(*) filter (where status = 'succeeded') as succeeded,
        count(*) filter (where status = 'partial') as partial,
        count(*) filter (where status = 'failed') as failed,
        count(*) filter (where status = 'cancelled') as cancelled,
        count(*) filter (where status = 'vanished') as vanished,
        try_cast(sum(records_processed) filter (where is_finished) as bigint) as records_processed,
        try_cast(sum(records_failed) filter (where is_finished) as bigint) as records_failed,
    from staging.outcomes
    group by 1, 2, 3, 4
),

days as (
    select
        kinds.source,
        kinds.provider,
        kinds.kind,
        cast(unnest(generate_series(
            -- older than any provider is a date that stands for none, such as 0001-01-01
            greatest(cast(kinds.first_at at time zone 'UTC' as date), date '2000-01-01'),
            cast(clock.now at time zone 'UTC' as date),
            interval 1 day
        )) as date) as day,
    from staging.kinds as kinds
    cross join staging.clock as clock
)

select
    day,  -- in UTC: the day of finished_at, else the day the job was first seen to have ended
    source,
    provider,
    kind,
    coalesce(outcomes.finished, 0) as finished,  -- succeeded + partial + failed + cancelled
    coalesce(outcomes.rated, 0) as rated,  -- succeeded + partial + failed: what rates are of
    coalesce(outcomes.succeeded, 0) as succeeded,  -- jobs without a failed record
    coalesce(outcomes.partial, 0) as partial,  -- jobs that ran through with failed records
    coalesce(outcomes.failed, 0) as failed,  -- jobs that failed
    coalesce(outcomes.cancelled, 0) as cancelled,  -- jobs that someone stopped
    coalesce(outcomes.vanished, 0) as vanished,  -- jobs gone before they were seen to finish
    -- unknown, not 0, where jobs finished and none of them says
    case when coalesce(outcomes.finished, 0) = 0 then 0 else outcomes.records_processed end
        as records_processed,  -- of the finished jobs; NULL where none of them says
    case when coalesce(outcomes.finished, 0) = 0 then 0 else outcomes.records_failed end
        as records_failed,  -- of the finished jobs; NULL where none of them says
from days
-- missing on days with nothing; a finish beyond today, by a clock that is ahead, has a row too
full join outcomes using (day, source, provider, kind)
