-- one row per ended job whose record counts do not add up
with judged as (
    select
        source,
        kind,
        job_id,
        records_total,
        records_processed,
        records_succeeded,
        records_failed,
        case
            when least(records_total, records_processed, records_succeeded, records_failed) < 0
                then 'a count below zero'
            when cast(records_succeeded as hugeint) + records_failed <> records_processed
                then 'succeeded and failed are not what was processed'
            when records_failed > records_processed then 'more failed than were processed'
            when records_succeeded > records_processed then 'more succeeded than were processed'
            when records_processed > records_total then 'more processed than there were'
            when cast(coalesce(records_succeeded, 0) as hugeint) + coalesce(records_failed, 0)
                > records_total
                then 'more succeeded and failed than there were'
        end as problem,
    from jobs
    -- while a job runs its counts are taken one after the other; a vanished one was last seen so
    where is_terminal and status <> 'vanished'
)

select
    source,
    kind,
    job_id,
    records_total,
    records_processed,
    records_succeeded,
    records_failed,
    problem,
from judged
where problem is not null
order by source, kind, job_id
