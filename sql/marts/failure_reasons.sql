-- one row per fingerprint of the message, source, provider and kind
select
    source,
    provider,
    kind,
    fingerprint,  -- the message, ids, numbers, quoted values and dates as #; else the code
    count(*) as jobs,  -- failed and partial jobs that say this
    count(*) filter (where status = 'failed') as failed,  -- how many of them failed
    count(*) filter (where status = 'partial') as partial,  -- most of which have no message
    try_cast(sum(records_failed) as bigint) as records_failed,  -- of them all; NULL if none tells
    min(counted_at) as first_at,  -- when the first of them ended
    max(counted_at) as last_at,  -- when the newest of them ended
    arg_max(job_id, (counted_at, job_id)) as example_job_id,  -- the newest of them
    nullif(
        arg_max(coalesce(error_message, ''), (counted_at, job_id)), ''
    ) as example_message,  -- its words
from staging.failures
group by source, provider, kind, fingerprint
order by failed desc, partial desc, last_at desc, source, kind, fingerprint
