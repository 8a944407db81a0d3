-- one row per source, provider and kind that was ever synced
with syncs as (
    select
        runs.source,
        runs.provider,
        runs.kind,
        count(runs.gap_from) as gaps,
        cast(coalesce(sum(runs.requests) filter (
            where runs.finished_at >= clock.now - interval 168 hours
        ), 0) as bigint) as requests_7d,
    from staging.runs as runs
    cross join staging.clock as clock
    group by runs.source, runs.provider, runs.kind
),

rejected as (
    select
        rejects.source,
        rejects.kind,
        count(*) as rejected_7d,
    from staging.rejects as rejects
    cross join staging.clock as clock
    where rejects.seen_at >= clock.now - interval 168 hours
    group by rejects.source, rejects.kind
),

open_now as (
    select
        source,
        provider,
        kind,
        count(*) as open_jobs,
    from staging.current_versions
    where not is_terminal
    group by source, provider, kind
)

select
    source,
    provider,
    kind,
    newest.finished_at as last_sync_at,  -- when the newest sync ended, well or not
    newest.outcome as last_outcome,  -- how it ended: complete, incomplete or failed
    newest.last_complete_at,
    (epoch_us(clock.now) - epoch_us(newest.last_complete_at)) / 3.6e9
        as hours_since_complete,  -- up to now
    coalesce(open_now.open_jobs, 0) as open_jobs,  -- jobs that are not terminal
    coalesce(rejected.rejected_7d, 0) as rejected_7d,  -- unreadable records, the last 168 hours
    syncs.gaps,  -- syncs, ever, that may have missed jobs
    syncs.requests_7d,  -- requests sent in the last 168 hours, retries and logins included
    case when newest.outcome <> 'complete' then newest.error_message end
        as last_error,  -- why the newest sync read less than all; NULL where it was complete
from syncs
join staging.newest_runs as newest using (source, provider, kind)
cross join staging.clock as clock
-- missing where nothing was rejected, or nothing is open
left join rejected using (source, kind)
left join open_now using (source, provider, kind)
order by source, kind
