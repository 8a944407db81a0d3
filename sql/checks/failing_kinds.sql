-- one row per kind of which at least half of the jobs fail
select
    source,
    kind,
    failure_rate_7d,
    rated_7d,
    reason as problem,
from provider_health
where health = 'failing'
order by source, kind
