-- one row per source, provider, kind and object, and one with is_kind for the kind as a whole
with rated as (
    select
        outcomes.source,
        outcomes.provider,
        outcomes.kind,
        outcomes.object,
        outcomes.total_seconds,
        outcomes.run_seconds,
    from staging.outcomes as outcomes
    cross join staging.clock as clock
    where outcomes.is_rated and outcomes.counted_at >= clock.now - interval 2160 hours
)

select
    source,
    provider,
    kind,
    object,
    grouping(object) = 1 as is_kind,  -- of all objects of the kind
    count(total_seconds) as total_count,  -- jobs of the last 90 days that tell how long they took
    quantile_cont(total_seconds, 0.95) as total_p95,  -- what 95 % of them took at most
    count(run_seconds) as run_count,  -- jobs of the last 90 days that tell how long they ran
    quantile_cont(run_seconds, 0.95) as run_p95,  -- what 95 % of them ran at most
from rated
group by grouping sets ((source, provider, kind, object), (source, provider, kind))
