-- Question 2: how many people are new, by week, account and channel?
-- Read it: each person is new once per account, on the day of the first completed sign-in; a column per channel of that sign-in.
--   qr: code scanned from a computer; qrconnect: WeChat's page for websites; spa: an app that calls the JSON interface.
SELECT date_trunc('week', day)::date AS week, app,
    sum(new_users) AS new_users,
    sum(new_users) FILTER (WHERE channel = 'wechat') AS wechat,
    sum(new_users) FILTER (WHERE channel = 'qr') AS qr,
    sum(new_users) FILTER (WHERE channel = 'qrconnect') AS qrconnect,
    sum(new_users) FILTER (WHERE channel = 'spa') AS spa
  FROM new_users_daily
  WHERE app_no > 0 AND day >= date_trunc('week', clock())::date - 28 AND day < date_trunc('week', clock())
  GROUP BY week, app_no, app
  ORDER BY week DESC, app_no;
