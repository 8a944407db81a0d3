-- one row per source and kind that the settings leave out, as of the last publication
select
    cast(null as varchar) as source,
    cast(null as varchar) as kind,
where false
