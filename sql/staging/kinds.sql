-- one row per source, provider and kind that has a job
select
    source,
    provider,
    kind,
    least(
        min(created_at) filter (where valid_to is null),
        min(finished_at) filter (where valid_to is null),
        min(valid_from) filter (where created_at is null)
    ) as first_at,  -- when its first job was created, or first seen where that is not said
from staging.versions
group by source, provider, kind
