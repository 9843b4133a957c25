-- Question 9: who sleeps, and who comes all the time?
-- Read it, first table: people by how long they have not signed in; read an account across.
-- Second: of the people active in the 28 days to yesterday, how many came on 1 day, 2 to 4, 5 to 9, 10 to 19, 20 or more.
SELECT app, count(*) AS people,
    count(*) FILTER (WHERE days_dormant < 30) AS "under 30 days",
    count(*) FILTER (WHERE days_dormant BETWEEN 30 AND 89) AS "30 to 89",
    count(*) FILTER (WHERE days_dormant BETWEEN 90 AND 179) AS "90 to 179",
    count(*) FILTER (WHERE days_dormant >= 180) AS "180 or more"
  FROM dormant_users
  GROUP BY app_no, app
  ORDER BY app_no;

SELECT app, sum(users) AS people,
    sum(users) FILTER (WHERE active_days = 1) AS "1 day",
    sum(users) FILTER (WHERE active_days BETWEEN 2 AND 4) AS "2 to 4",
    sum(users) FILTER (WHERE active_days BETWEEN 5 AND 9) AS "5 to 9",
    sum(users) FILTER (WHERE active_days BETWEEN 10 AND 19) AS "10 to 19",
    sum(users) FILTER (WHERE active_days >= 20) AS "20 or more"
  FROM l28_histogram
  GROUP BY app_no, app
  ORDER BY app_no;
