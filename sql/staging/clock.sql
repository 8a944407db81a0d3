-- one row: the present moment, from which alone all views take the time
select now() as now  -- the present moment
