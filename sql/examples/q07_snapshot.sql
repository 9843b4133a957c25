-- Question 7: how many visitors are WeChat's virtual ones (快照页)?
-- Read it: visits in snapshot mode beside real attempts to sign in. They are people nowhere else in the mart. A rising share means that a page
--   asks for profiles before the visitor did anything: explain first, ask when needed.
SELECT date_trunc('month', day)::date AS month, app, sum(visits) AS visits, sum(snapshot_visits) AS snapshot_visits,
    round(100 * sum(snapshot_visits) / (sum(visits) + sum(snapshot_visits)), 1) AS percent
  FROM snapshot_share_daily
  WHERE day >= date_trunc('month', clock()) - interval '4 months' AND day < date_trunc('month', clock())
  GROUP BY month, app_no, app
  HAVING sum(snapshot_visits) > 0
  ORDER BY month, app_no;
