-- one row per job that finished before it was created
select
    source,
    kind,
    job_id,
    created_at,
    finished_at,
    'finished ' || round((epoch_us(created_at) - epoch_us(finished_at)) / 1e6, 3)
        || ' s before it was created' as problem,
from jobs
where finished_at < created_at
order by source, kind, job_id
