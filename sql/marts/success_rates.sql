-- one row per source, provider, kind and period
with totals as (
    select
        kinds.source,
        kinds.provider,
        kinds.kind,
        periods.period,
        periods.breadth,
        count(*) filter (where outcomes.is_finished) as finished,
        count(*) filter (where outcomes.is_rated) as rated,
        count(*) filter (where outcomes.status = 'succeeded') as succeeded,
        count(*) filter (where outcomes.status = 'partial') as partial,
        sum(outcomes.records_processed) filter (
            where outcomes.is_rated and outcomes.records_failed is not null
        ) as records_processed,
        sum(outcomes.records_failed) filter (
            where outcomes.is_rated and outcomes.records_processed is not null
        ) as records_failed,
    from staging.kinds as kinds
    cross join staging.periods as periods
    -- missing where nothing ended in the period
    left join staging.outcomes as outcomes
        on outcomes.source = kinds.source
        and outcomes.provider = kinds.provider
        and outcomes.kind = kinds.kind
        and (periods.since is null or outcomes.counted_at >= periods.since)
    group by kinds.source, kinds.provider, kinds.kind, periods.period, periods.breadth
)

select
    source,
    provider,
    kind,
    period,
    finished,  -- succeeded + partial + failed + cancelled
    rated,  -- succeeded + partial + failed: what the rates are of
    succeeded / nullif(rated, 0) as job_success_rate,  -- succeeded ÷ rated
    partial / nullif(rated, 0) as partial_rate,  -- partial ÷ rated
    1 - records_failed / nullif(records_processed, 0)
        as record_success_rate,  -- 1 − failed ÷ processed records, of rated jobs that know both
    rated < 20 as low_sample,  -- fewer than 20 rated jobs: do not read much into the rates
from totals
order by source, kind, breadth
