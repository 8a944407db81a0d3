-- one row per job whose detail its provider refuses to show, for good or for now
select
    source,  -- the account, by the name it has in this ledger
    kind,  -- which of the provider's job endpoints
    job_id,  -- the provider's id of the job
from loaded.job_details
where detail in ('refused', 'not taken')
