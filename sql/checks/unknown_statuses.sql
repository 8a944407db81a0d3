-- one row per status word of a provider that is not known
select
    source,
    kind,
    provider_status,
    count(*) as jobs,
    min(job_id) as example_job_id,
    'status ''' || coalesce(provider_status, '(none)') || ''' is not known, of ' || count(*)
        || ' job(s)' as problem,
from jobs
where status = 'unknown'
group by source, kind, provider_status
order by source, kind, provider_status
