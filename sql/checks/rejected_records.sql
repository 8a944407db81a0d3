-- one row per record or field that the last sync of its kind could not read
select
    rejects.source,
    rejects.kind,
    rejects.job_id,
    rejects.field,
    rejects.seen_at,
    coalesce('field ''' || rejects.field || ''': ', 'the record: ') || rejects.problem as problem,
from staging.rejects as rejects
join staging.newest_runs as newest using (source, kind, sync_id)
-- there will be no newer one
anti join staging.left_out_kinds using (source, kind)
order by rejects.source, rejects.kind, rejects.job_id, rejects.field
