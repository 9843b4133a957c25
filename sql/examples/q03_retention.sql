-- Question 3: do people come back?
-- Read it, first table: of the people who were new in a week, the share that signed in in each of the following weeks (per cent); read down a
--   column to see whether younger cohorts do better. Empty: that week is not over yet.
-- Second table: of all new people of the last 90 days, the share that came back exactly 1, 7 and 30 days later; sums divided, not shares
--   averaged, so that a small day does not weigh as much as a large one.
SELECT cohort_week, max(cohort_users) AS new_users,
    round(100 * max(retained_share) FILTER (WHERE week_no = 1), 1) AS week_1,
    round(100 * max(retained_share) FILTER (WHERE week_no = 2), 1) AS week_2,
    round(100 * max(retained_share) FILTER (WHERE week_no = 3), 1) AS week_3,
    round(100 * max(retained_share) FILTER (WHERE week_no = 4), 1) AS week_4,
    round(100 * max(retained_share) FILTER (WHERE week_no = 8), 1) AS week_8
  FROM retention_weekly
  WHERE app_no = 0 AND cohort_week >= clock()::date - 91
  GROUP BY cohort_week
  ORDER BY cohort_week;

SELECT app,
    round(100.0 * sum(retained_users) FILTER (WHERE day_n = 1) / sum(cohort_users) FILTER (WHERE day_n = 1), 1) AS day_1,
    round(100.0 * sum(retained_users) FILTER (WHERE day_n = 7) / sum(cohort_users) FILTER (WHERE day_n = 7), 1) AS day_7,
    round(100.0 * sum(retained_users) FILTER (WHERE day_n = 30) / sum(cohort_users) FILTER (WHERE day_n = 30), 1) AS day_30
  FROM retention_day_n
  WHERE cohort_day >= clock()::date - 90
  GROUP BY app_no, app
  ORDER BY app_no;
