-- one row per sync of a source and kind
select
    sync_id,  -- the sync, which may have read several sources and kinds
    source,  -- the account, by the name it has in this ledger
    provider,  -- whose account it is
    kind,  -- which of the provider's job endpoints
    started_at,  -- when the sync of this kind began
    coalesce(finished_at, started_at) as finished_at,  -- when it ended, well or not
    outcome,  -- complete, incomplete (some of the listing was not read) or failed (none was)
    outcome = 'complete' as is_complete,  -- all of the listing was read
    error_kind,  -- what sort of fault cut it short
    error_message,  -- the fault in words
    requests,  -- requests sent, retries and logins included
    jobs_listed,  -- jobs the listing showed
    jobs_changed,  -- jobs that got a new version
    details_pending,  -- details left to the next sync
    rejected,  -- records or fields that could not be read
    gap_from,  -- jobs from here on may have been missed; NULL where none were
    gap_to,  -- jobs up to here may have been missed; NULL where none were
    schedule_seconds,  -- how often a sync is meant to run; NULL where that is not known
from loaded.sync_runs
