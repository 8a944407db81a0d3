-- one row per observed version of a job
select
    source,  -- the account, by the name it has in this ledger
    provider,  -- whose account it is
    kind,  -- which of the provider's job endpoints
    job_id,  -- the provider's id of the job
    object,  -- the business object the job works on; NULL where there is none
    operation,  -- what the job does, in the provider's word
    status,  -- queued, running, succeeded, partial, failed, cancelled, vanished or unknown
    provider_status,  -- where the job stands, in the provider's word
    is_terminal,  -- nothing more can happen to the job
    created_at,  -- when the job was handed in
    started_at,  -- when the provider began to work on it
    finished_at,  -- when it ended, well or not
    updated_at,  -- when the provider last changed it
    finished_at_basis,  -- reported, or last_modified: the last change stands for the end
    queue_seconds,  -- from created to started
    run_seconds,  -- the provider's processing time, else from started to finished
    total_seconds,  -- from created to finished
    run_basis,  -- reported, or timestamps: where run_seconds comes from
    records_total,  -- records the job was given; NULL where that is not said
    records_processed,  -- records worked on, well or not; NULL where that is not said
    records_succeeded,  -- records that went well; NULL where that is not said
    records_failed,  -- records that failed; NULL where that is not said
    progress,  -- how far it is, 0 to 1
    error_code,  -- the provider's code of what went wrong
    error_message,  -- the provider's words for what went wrong
    created_by,  -- who handed it in
    input_bytes,  -- size of what the job was given
    output_bytes,  -- size of what the job made
    raw,  -- the provider's record, secrets cut out
    valid_from,  -- when this version was first observed
    valid_to,  -- when the next version was observed; NULL for the current one
from loaded.job_versions
