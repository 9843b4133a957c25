-- Question 11: which scopes and privileges did people grant, and which tokens expire soon?
-- Read it, first table: sign-ins of the last 30 days by scope. snsapi_base is silent and tells the openid only.
-- Second: privileges named in profiles; few people have any.
-- Third: refresh tokens by the time left. Until one expires the profile can be pulled anew without the person; they live 30 days.
SELECT app, scope, sum(logins) AS logins, round(100 * sum(logins) / sum(sum(logins)) OVER (PARTITION BY app_no), 1) AS percent
  FROM scope_mix_daily
  WHERE day >= clock()::date - 30
  GROUP BY app_no, app, scope
  ORDER BY app_no, scope;

SELECT app, privilege, users
  FROM privilege_mix
  ORDER BY app_no, privilege;

SELECT app, sum(tokens) FILTER (WHERE is_expired) AS expired,
    sum(tokens) FILTER (WHERE expires_day < clock()::date + 7) AS "within 7 days",
    sum(tokens) FILTER (WHERE expires_day >= clock()::date + 7) AS later
  FROM token_expiry_forecast
  WHERE kind = 'refresh'
  GROUP BY app_no, app
  ORDER BY app_no;
