-- one row per source, provider, kind and period
with outcomes as (
    select
        outcomes.source,
        outcomes.provider,
        outcomes.kind,
        -- the narrowest period it is in; it is in all broader ones too
        case
            when outcomes.counted_at >= clock.now - interval 24 hours then 1
            when outcomes.counted_at >= clock.now - interval 168 hours then 2
            when outcomes.counted_at >= clock.now - interval 720 hours then 3
            else 4
        end as breadth,
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
    from staging.outcomes as outcomes
    cross join staging.clock as clock
    group by 1, 2, 3, 4
),

totals as (
    select
        kinds.source,
        kinds.provider,
        kinds.kind,
        periods.period,
        coalesce(sum(outcomes.finished), 0) as finished,
        coalesce(sum(outcomes.rated), 0) as rated,
        sum(outcomes.succeeded) as succeeded,
        sum(outcomes.partial) as partial,
        sum(outcomes.records_processed) as records_processed,
        sum(outcomes.records_failed) as records_failed,
    from staging.kinds as kinds
    cross join staging.periods as periods
    -- missing where nothing ended in the period
    left join outcomes
        on outcomes.source = kinds.source
        and outcomes.provider = kinds.provider
        and outcomes.kind = kinds.kind
        and outcomes.breadth <= periods.breadth
    group by kinds.source, kinds.provider, kinds.kind, periods.period
)

select
    source,
    provider,
    kind,
    period,
    cast(finished as bigint) as finished,  -- succeeded + partial + failed + cancelled
    cast(rated as bigint) as rated,  -- succeeded + partial + failed: what the rates are of
    succeeded / nullif(rated, 0) as job_success_rate,  -- succeeded ÷ rated
    partial / nullif(rated, 0) as partial_rate,  -- partial ÷ rated
    1 - records_failed / nullif(records_processed, 0)
        as record_success_rate,  -- 1 − failed ÷ processed records, of rated jobs that know both
    rated < 20 as low_sample,  -- fewer than 20 rated jobs: do not read much into the rates
from totals
order by source, kind, list_position(['1d', '7d', '30d', 'all'], period)
