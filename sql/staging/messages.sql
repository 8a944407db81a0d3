-- one row per message of failed and partial jobs, source, provider and kind
with messages as (
    select
        source,
        provider,
        kind,
        -- how a long one goes on tells no more
        left(error_message, 500) as message,
        case when error_message is null then error_code end as code,
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
    message,  -- its first 500 characters
    code,  -- the code of those without a message
    -- neighbours become one: a date and its time of day, a list of ids
    coalesce(
        trim(regexp_replace(regexp_replace(words, '\s+', ' ', 'g'), '#([ ,;]*#)+', '#', 'g')),
        code,
        '(no message)'
    ) as fingerprint,  -- the message, ids, numbers, quoted values and dates as #; else the code
    jobs,
    records_failed,
    first_at,
    last_at,
    example_job_id,
    example_message,
from folded
