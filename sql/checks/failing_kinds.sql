-- one row per kind of which at least half of the jobs fail
select
    source,
    kind,
    failure_rate_7d,
    rated_7d,
    failed_7d || ' of ' || rated_7d || ' jobs failed in 7 days ('
        || round(100 * failure_rate_7d, 1) || ' %)' as problem,
from staging.standings
anti join staging.left_out_kinds using (source, kind)
-- also of one whose health is another word, since it is stale as well
where is_failing
order by source, kind
