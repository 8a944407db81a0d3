-- one row per kind with no complete sync within its schedule
select
    source,
    kind,
    last_complete_sync_at,
    reason as problem,
from provider_health
where health = 'stale'
order by source, kind
