-- one row per sync of the last 30 days that may have missed jobs
select
    runs.source,
    runs.kind,
    runs.finished_at,
    runs.gap_from,
    runs.gap_to,
    'jobs created '
        || case when runs.gap_to is null then 'after ' else 'between ' end
        || strftime(runs.gap_from at time zone 'UTC', '%Y-%m-%d %H:%M')
        || coalesce(' and ' || strftime(runs.gap_to at time zone 'UTC', '%Y-%m-%d %H:%M'), '')
        || ' UTC may be missing' as problem,
from staging.runs as runs
cross join staging.clock as clock
where runs.gap_from is not null and runs.finished_at >= clock.now - interval 720 hours
order by runs.source, runs.kind, runs.finished_at
