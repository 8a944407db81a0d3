-- one row per record or field that could not be read
select
    sync_id,  -- the sync that came upon it
    source,  -- the account, by the name it has in this ledger
    kind,  -- which of the provider's job endpoints
    job_id,  -- the provider's id of the job; NULL where that could not be read
    field,  -- the field that could not be read; NULL where the whole record could not
    problem,  -- why
    raw,  -- what the provider sent, secrets cut out
    seen_at,  -- when
from loaded.rejected_records
