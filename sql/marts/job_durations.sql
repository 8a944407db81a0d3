-- one row per source, provider, kind, object and period
with rated as (
    select
        outcomes.source,
        outcomes.provider,
        outcomes.kind,
        outcomes.object,
        periods.period,
        count(*) as n,
        quantile_cont(outcomes.run_seconds, [0.5, 0.9, 0.95, 0.99, 1]) as run,
        quantile_cont(outcomes.queue_seconds, [0.5, 0.9, 0.95, 0.99, 1]) as queue,
        quantile_cont(outcomes.total_seconds, [0.5, 0.9, 0.95, 0.99, 1]) as total,
    from staging.outcomes as outcomes
    join staging.periods as periods
        on periods.since is null or outcomes.counted_at >= periods.since
    where outcomes.is_rated
    group by 1, 2, 3, 4, 5
)

select
    source,
    provider,
    kind,
    object,
    period,
    n,  -- rated jobs: succeeded + partial + failed
    run[1] as run_p50,  -- seconds in which half of the jobs had run
    run[2] as run_p90,  -- seconds in which 90 % of the jobs had run
    run[3] as run_p95,  -- seconds in which 95 % of the jobs had run
    run[4] as run_p99,  -- seconds in which 99 % of the jobs had run
    run[5] as run_max,  -- seconds the longest run took
    queue[1] as queue_p50,  -- seconds in which half of the jobs had started
    queue[2] as queue_p90,  -- seconds in which 90 % of the jobs had started
    queue[3] as queue_p95,  -- seconds in which 95 % of the jobs had started
    queue[4] as queue_p99,  -- seconds in which 99 % of the jobs had started
    queue[5] as queue_max,  -- seconds the longest wait took
    total[1] as total_p50,  -- seconds from created to finished for half of the jobs, at most
    total[2] as total_p90,  -- seconds from created to finished for 90 % of the jobs, at most
    total[3] as total_p95,  -- seconds from created to finished for 95 % of the jobs, at most
    total[4] as total_p99,  -- seconds from created to finished for 99 % of the jobs, at most
    total[5] as total_max,  -- seconds from created to finished, the longest
from rated
