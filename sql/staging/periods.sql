-- one row per period: 1d, 7d, 30d and all, each rolling back from now
select
    periods.period,  -- 1d, 7d and 30d roll back from now in hours; all is everything
    periods.breadth,  -- their order, narrowest first
    case periods.period
        when '1d' then clock.now - interval 24 hours
        when '7d' then clock.now - interval 168 hours
        when '30d' then clock.now - interval 720 hours
    end as since,  -- when the period begins; NULL for all
from (values ('1d', 1), ('7d', 2), ('30d', 3), ('all', 4)) as periods (period, breadth)
cross join staging.clock as clock
