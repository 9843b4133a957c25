-- Question 6: where do sign-ins fail, and how slow are they?
-- Read it, first table: of 100 attempts, how many got as far as the token, the profile, the end; each column can only be smaller than the one
--   before. Attempts begin when WeChat sends the visitor back; who declines there is not seen.
-- Second: the days on which the most went wrong, and the main reason: an outage at WeChat (-1), a wrong AppSecret (40125), or just bad luck.
-- Third: the median and the slow end of completed sign-ins, in ms; the worst day of the last 30, since percentiles cannot be averaged.
SELECT app, channel, sum(attempts) AS attempts,
    round(100 * sum(reached_token) / sum(attempts), 1) AS token,
    round(100 * sum(reached_profile) / sum(attempts), 1) AS profile,
    round(100 * sum(signed_in) / sum(attempts), 1) AS signed_in
  FROM login_funnel_daily
  WHERE day >= clock()::date - 30
  GROUP BY app_no, app, channel
  ORDER BY app_no, attempts DESC;

SELECT f.day, f.app, f.attempts, f.failed, round(100.0 * f.failed / f.attempts, 1) AS percent, e.outcome, e.errcode, e.meaning
  FROM (SELECT day, app_no, app, sum(attempts) AS attempts, sum(attempts - signed_in) AS failed FROM login_funnel_daily GROUP BY day, app_no, app) f
  CROSS JOIN LATERAL (SELECT outcome, errcode, meaning FROM login_errors e WHERE e.day = f.day AND e.app_no = f.app_no
    GROUP BY outcome, errcode, meaning ORDER BY sum(errors) DESC, outcome, errcode LIMIT 1) e
  WHERE f.day >= clock()::date - 120 AND f.attempts >= 100
  ORDER BY percent DESC, f.day, f.app_no
  LIMIT 6;

SELECT app, channel, max(median_ms) AS worst_median_ms, max(p95_ms) AS worst_p95_ms
  FROM login_latency_daily
  WHERE day >= clock()::date - 30 AND stage = 'done' AND channel IN ('wechat', 'qrconnect')
  GROUP BY app_no, app, channel
  ORDER BY app_no;
