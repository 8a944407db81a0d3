-- one row per kind of which at least half of the jobs fail
select
    source,
    kind,
    failure_rate_7d,
    rated_7d,
    failed_7d || ' of ' || rated_7d || ' jobs failed in 7 days ('
        || round(100 * failure_rate_7d, 1) || ' %)' as problem,
from failure_trends
join staging.clock as clock on day = cast(clock.now at time zone 'UTC' as date)
anti join staging.left_out_kinds using (source, kind)
-- of so many that it says something; also of a kind that is stale
where failure_rate_7d >= 0.5 and rated_7d >= 3
order by source, kind
