-- one row per fingerprint of the message, source, provider and kind
select
    source,
    provider,
    kind,
    fingerprint,
    cast(sum(jobs) as bigint) as jobs,  -- failed and partial jobs that say this
    cast(sum(records_failed) as bigint) as records_failed,  -- of those; NULL if none tells
    min(first_at) as first_at,  -- when the first of them ended
    max(last_at) as last_at,  -- when the newest of them ended
    arg_max(example_job_id, (last_at, example_job_id)) as example_job_id,  -- the newest of them
    arg_max(example_message, (last_at, example_job_id)) as example_message,  -- its words
from staging.messages
group by source, provider, kind, fingerprint
