-- one row per failed or partial job, with what its message says once what is its own is folded
with messages as (
    select
        *,
        -- how a long one goes on tells no more
        left(error_message, 500) as message,
        case when error_message is null then coalesce(error_code, '(no message)') end as instead,
    from staging.outcomes
    where status in ('failed', 'partial')
),

folded as (
    select
        *,
        -- addresses; quoted values
        regexp_replace(regexp_replace(
            message,
            '\S+://\S+|\S+@\S+', '#', 'g'),
            '(^|[^\w])(''[^'']*''|"[^"]*"|`[^`]*`|„[^“”]*[“”]|“[^”]*”|‘[^’]*’|«[^»]*»)', '\1#', 'g'
        ) as unquoted,
    from messages
),

worded as (
    select
        *,
        -- a value that goes on beyond what was cut off; words with a digit in them, which are ids,
        -- numbers and dates, but not what 404:NOT_FOUND says beside its number
        regexp_replace(
            case
                when length(error_message) <= 500 then unquoted
                else regexp_replace(unquoted, '(^|[^\w])[''"`„“‘«][^''"`“”’»]*$', '\1#')
            end,
            '[\w+-]*\d\w*([-+.]\w+|[,:/]\w*\d\w*)*( ?[AaPp]\.?[Mm]\b\.?)?', '#', 'g'
        ) as words,
    from folded
),

undated as (
    select
        *,
        -- a month by its name, before a number: Thu, # Mar #; March #
        regexp_replace(
            regexp_replace(words, '\s+', ' ', 'g'),
            '\b((Mon|Tues?|Wed(nes)?|Thu(rs)?|Fri|Sat(ur)?|Sun)(day)?,? )?(# )?'
            || '(Jan(uary)?|Feb(ruary)?|Mar(ch)?|Apr(il)?|May|June?|July?|Aug(ust)?|Sept?(ember)?'
            || '|Oct(ober)?|Nov(ember)?|Dec(ember)?)[.]?,? #', '#', 'g'
        ) as line,
    from worded
)

select
    source,
    provider,
    kind,
    job_id,
    status,
    -- neighbours become one: a date and its time of day, a list of ids
    coalesce(trim(regexp_replace(line, '#([ ,;]*#)+', '#', 'g')), instead)
        as fingerprint,  -- the message, ids, numbers, quoted values and dates as #; else the code
    counted_at,
    records_failed,
    error_message,
from undated
