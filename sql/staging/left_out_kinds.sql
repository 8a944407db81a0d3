-- one row per source and kind that the settings do not have any more, as of the last publication
select
    cast(null as varchar) as source,
    cast(null as varchar) as kind,
where false
