-- one row per source, provider and kind that was ever synced: its newest sync
select
    source,
    provider,
    kind,
    sync_id,
    finished_at,
    outcome,
    error_kind,
    error_message,
    schedule_seconds,
    max(finished_at) filter (where is_complete) over (partition by source, provider, kind)
        as last_complete_at,  -- when the newest complete sync ended; NULL if there was none
from staging.runs
qualify row_number() over (
    partition by source, provider, kind order by started_at desc, finished_at desc, sync_id desc
) = 1
