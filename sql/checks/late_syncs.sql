-- one row per kind with no complete sync within its schedule
select
    source,
    kind,
    last_complete_sync_at,
    reason as problem,
from provider_health
-- what is not synced any more has no schedule
anti join staging.left_out_kinds using (source, kind)
where health = 'stale'
order by source, kind
