-- one row per fingerprint of the message, source, provider and kind
with messages as (
    select
        source,
        provider,
        kind,
        -- how a long one goes on tells no more
        left(error_message, 500) as message,
        case when error_message is null then coalesce(error_code, '(no message)') end as instead,
        count(*) as jobs,
        cast(sum(records_failed) as bigint) as records_failed,
        min(counted_at) as first_at,
        max(counted_at) as last_at,
        arg_max(job_id, (counted_at, job_id)) as example_job_id,
        arg_max(error_message, (counted_at, job_id)) as example_message,
    from staging.outcomes
    where status in ('failed', 'partial')
    group by 1, 2, 3, 4, 5
),

folded as (
    select
        *,
        -- addresses; quoted values; words with a digit in them, which are ids, numbers and dates
        regexp_replace(regexp_replace(regexp_replace(
            message,
            '\S+://\S+|\S+@\S+', '#', 'g'),
            '(^|[^\w])(''[^'']*''|"[^"]*"|`[^`]*`)', '\1#', 'g'),
            '[\w-]*\d[\w]*([-+.,:/][\w]+)*', '#', 'g'
        ) as words,
    from messages
)

select
    source,
    provider,
    kind,
    -- neighbours become one: a date and its time of day, a list of ids
    coalesce(
        trim(regexp_replace(regexp_replace(words, '\s+', ' ', 'g'), '#([ ,;]*#)+', '#', 'g')),
        instead
    ) as fingerprint,  -- the message, ids, numbers, quoted values and dates as #; else the code
    cast(sum(jobs) as bigint) as jobs,  -- failed and partial jobs that say this
    cast(sum(records_failed) as bigint) as records_failed,  -- of those; NULL if none tells
    min(first_at) as first_at,  -- when the first of them ended
    max(last_at) as last_at,  -- when the newest of them ended
    arg_max(example_job_id, (last_at, example_job_id)) as example_job_id,  -- the newest of them
    arg_max(example_message, (last_at, example_job_id)) as example_message,  -- its words
from folded
group by 1, 2, 3, 4
