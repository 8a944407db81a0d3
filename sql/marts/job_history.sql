-- one row per version of a job
select
    versions.source,
    versions.provider,
    versions.kind,
    versions.job_id,
    versions.status,
    versions.provider_status,
    versions.progress,
    versions.records_total,
    versions.records_processed,
    versions.records_succeeded,
    versions.records_failed,
    versions.valid_from,
    versions.valid_to,
    (epoch_us(coalesce(versions.valid_to, clock.now)) - epoch_us(versions.valid_from)) / 1e6
        as seconds_in_version,  -- how long this version has stood, up to now for the current one
from staging.versions as versions
cross join staging.clock as clock
