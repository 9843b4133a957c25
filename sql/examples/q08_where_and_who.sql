-- Question 8: where are the people and which gender; and how much of that is really known?
-- Read it, first table, before the others: since October 2021 WeChat tells neither. What is known was said by those who came before, years ago.
-- Second and third: the distributions among those of whom it is known. Do not take them for everybody.
SELECT month, app, active_users, round(100 * g.known_share, 1) AS region_known, round(100 * s.known_share, 1) AS gender_known, g.median_age_days / 365 AS years_old
  FROM geo_coverage_monthly g JOIN gender_coverage_monthly s USING (month, app_no, app, active_users)
  WHERE app_no = 1 AND month >= clock()::date - 185
  ORDER BY month;

SELECT province, users, round(100 * share_of_known, 1) AS percent_of_known, stale_users
  FROM geo_distribution
  WHERE app_no = 1 AND share_of_known IS NOT NULL
  ORDER BY users DESC, province COLLATE "C"
  LIMIT 8;

SELECT gender, users, round(100 * share_of_all, 1) AS percent_of_all, round(100 * share_of_known, 1) AS percent_of_known
  FROM gender_distribution
  WHERE app_no = 1
  ORDER BY users DESC;
