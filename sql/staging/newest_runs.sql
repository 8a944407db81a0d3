-- one row per source, provider and kind that was ever synced: its newest sync
select
    source,
    provider,
    kind,
    sync_id,
    started_at,
    finished_at,
    outcome,
    error_kind,
    schedule_seconds,
from staging.runs
qualify row_number() over (
    partition by source, provider, kind order by started_at desc, finished_at desc, sync_id desc
) = 1
