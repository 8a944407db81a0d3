-- one row per job
with superseded as (
    select
        source,
        kind,
        job_id,
        min(valid_from) as first_seen_at,
    from staging.versions
    where valid_to is not null
    group by source, kind, job_id
)

select
    jobs.source,
    jobs.provider,
    jobs.kind,
    jobs.job_id,
    jobs.object,
    jobs.operation,
    jobs.status,
    jobs.provider_status,
    jobs.is_terminal,
    jobs.created_at,
    jobs.started_at,
    jobs.finished_at,
    jobs.updated_at,
    jobs.finished_at_basis,
    jobs.queue_seconds,
    jobs.run_seconds,
    jobs.total_seconds,
    jobs.run_basis,
    jobs.records_total,
    jobs.records_processed,
    jobs.records_succeeded,
    jobs.records_failed,
    jobs.progress,
    jobs.error_code,
    jobs.error_message,
    jobs.created_by,
    jobs.input_bytes,
    jobs.output_bytes,
    jobs.raw,
    -- a job that never changed has no superseded version
    coalesce(superseded.first_seen_at, jobs.valid_from) as first_seen_at,  -- when first observed
    jobs.valid_from as last_changed_at,  -- when its newest version was observed
from staging.current_versions as jobs
left join superseded using (source, kind, job_id)
