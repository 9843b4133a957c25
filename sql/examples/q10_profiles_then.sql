-- Question 10: what did the profiles look like on a day in the past, and what has changed since?
-- Read it, first table: the people known at the end of each of two days, and of how many the mart knew a profile, a unionid, a region.
-- Second: changes by month and field. Nicknames change; gender and region have stopped doing so in October 2021.
SELECT d.day, p.app, count(*) AS profiles, count(*) FILTER (WHERE p.has_profile) AS with_profile, count(*) FILTER (WHERE p.has_unionid) AS with_unionid,
    count(p.province) AS with_province
  FROM (VALUES (clock()::date - 181), (clock()::date - 1)) AS d (day)
  CROSS JOIN LATERAL profile_asof(d.day) p
  GROUP BY d.day, p.app_no, p.app
  ORDER BY p.app_no, d.day;

SELECT date_trunc('month', day)::date AS month, field, count(*) AS changes
  FROM profile_changes
  WHERE day >= date_trunc('month', clock()) - interval '3 months'
  GROUP BY month, field
  ORDER BY month, field;
