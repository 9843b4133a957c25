-- Question 12: can I trust today's numbers?
-- Read it, first table: is everything here yet? days_behind 0 and a small minutes_since_event at a busy time of day are good; a late_share
--   above 0 means that a host had to keep events back for a while: the days concerned are counted anew by themselves.
-- Second: checks that compare the numbers with each other. is_good = f is a reason to ask the administrator; empty is for information.
SELECT app, last_event_at, minutes_since_event, events_24h, median_lag_s, late_share, counted_through, days_behind
  FROM data_freshness
  ORDER BY app_no;

SELECT app, check_name, value, expected, is_good
  FROM data_quality
  WHERE app_no IN (0, 1)
  ORDER BY app_no, check_name;
