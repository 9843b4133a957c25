-- SPDX-License-Identifier: Apache-2.0
-- weigate_mart, how well: questions 6, 7, 11 and 12, requests, sizes, definitions. Ends with everybody's rights.

CREATE VIEW weigate.event_count AS
  SELECT day, app_no, channel, scope, stage, outcome, errcode, is_login, is_snapshot, events FROM weigate.mart_event
  UNION ALL
  SELECT event_day, app_no, channel, scope, stage, outcome, errcode, is_login, is_snapshot, count(*) FROM weigate.login_event
    WHERE event_day > (SELECT through_day FROM weigate.mart_state)
      AND event_at >= (SELECT greatest(through_day, today - 40)::timestamp AT TIME ZONE 'UTC' FROM weigate.mart_today)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9;
COMMENT ON VIEW weigate.event_count IS 'Ends of sign-ins, counted per day and way, up to now.';
DO $$
DECLARE part text;
BEGIN
  FOREACH part IN ARRAY ARRAY['day', 'app_no', 'channel', 'scope', 'stage', 'outcome', 'errcode', 'is_login', 'is_snapshot', 'events'] LOOP
    EXECUTE format('COMMENT ON COLUMN weigate.event_count.%I IS %L', part, 'As in mart_event.');
  END LOOP;
END $$;

CREATE VIEW weigate_mart.login_funnel_daily AS
  WITH step AS (
    SELECT day, app_no, channel, sum(events) FILTER (WHERE outcome <> 'escalated') AS attempts,
        sum(events) FILTER (WHERE outcome <> 'escalated' AND stage <> 'claim') AS reached_token,
        sum(events) FILTER (WHERE outcome <> 'escalated' AND stage NOT IN ('claim', 'token')) AS reached_profile,
        sum(events) FILTER (WHERE is_login) AS signed_in, sum(events) FILTER (WHERE outcome = 'escalated') AS escalated
      FROM weigate.event_count WHERE NOT is_snapshot GROUP BY 1, 2, 3
  )
  SELECT s.day, s.app_no, l.app, s.channel, coalesce(s.attempts, 0)::bigint AS attempts, coalesce(s.reached_token, 0)::bigint AS reached_token,
      coalesce(s.reached_profile, 0)::bigint AS reached_profile, coalesce(s.signed_in, 0)::bigint AS signed_in,
      round(s.signed_in / nullif(s.attempts, 0), 4) AS success_share, coalesce(s.escalated, 0)::bigint AS escalated, t.median_ms, t.p95_ms
    FROM step s JOIN weigate.app_label l USING (app_no)
    LEFT JOIN weigate.mart_latency t ON t.day = s.day AND t.app_no = s.app_no AND t.channel = s.channel AND t.stage = 'done';
SELECT weigate.mart_explain('login_funnel_daily', 'Question 6: where do sign-ins get lost? One row per day, account and channel. An attempt begins when WeChat sends the visitor back with a code; then claim (the code is taken once), token (code to access token), profile (nickname and picture, where granted), done. attempts >= reached_token >= reached_profile >= signed_in. Snapshot visitors are left out. Caveats: who declines at WeChat, or never comes back from it, leaves no attempt; a silent sign-in that is sent on to WeChat''s consent page is in escalated, not in attempts, and comes back as an attempt of its own; median_ms and p95_ms are there once the day is counted.',
  'attempts', 'Sign-ins that came back from WeChat with a code.', 'reached_token', 'Those that got as far as asking WeChat for the token.', 'reached_profile', 'Those that got the token.',
  'signed_in', 'Completed sign-ins.', 'success_share', 'signed_in / attempts.', 'escalated', 'Silent tries that were sent on to the consent page; not in attempts.',
  'median_ms', 'Half of the completed sign-ins took at most this long, from the callback to the record, in ms; NULL while the day is not counted.', 'p95_ms', '95 of 100 took at most this long, in ms.');

CREATE VIEW weigate_mart.login_latency_daily AS
  SELECT t.day, t.app_no, l.app, t.channel, t.stage, t.median_ms, t.p95_ms FROM weigate.mart_latency t JOIN weigate.app_label l USING (app_no);
SELECT weigate.mart_explain('login_latency_daily', 'Question 6: how slow is it? One row per counted day, account, channel and stage in which sign-ins ended: done are the completed ones, claim, token and profile those that failed there. Percentiles cannot be averaged: look at single rows or their maximum. Snapshot visitors are left out.',
  'stage', 'Where they ended: claim, token, profile, done.', 'median_ms', 'Half ended within this time after the callback, in ms.', 'p95_ms', '95 of 100 ended within this time, in ms.');

CREATE VIEW weigate_mart.login_errors AS
  WITH meaning (errcode, meaning) AS (VALUES
    (-1, 'WeChat is busy'), (40001, 'wrong app secret, or a token that is not the newest'), (40003, 'openid of another account'), (40013, 'wrong AppID'), (40029, 'code expired, altered, or of another account'),
    (40125, 'wrong app secret'), (40163, 'code already used'), (40164, 'server address not on the account''s list'), (40226, 'high-risk user, blocked by WeChat'), (42001, 'token expired'), (42003, 'code expired'),
    (42007, 'the person changed the password'), (45009, 'quota of the day used up'), (45011, 'quota of the minute used up'), (48001, 'the account lacks this permission'), (48004, 'interface banned by WeChat'),
    (50001, 'not authorized for this interface'), (50002, 'the person''s account is frozen or closed')
  ), failed AS (
    SELECT day, app_no, channel, stage, outcome, errcode, sum(events) AS errors FROM weigate.event_count
      WHERE NOT is_login AND NOT is_snapshot AND outcome <> 'escalated' GROUP BY 1, 2, 3, 4, 5, 6
  )
  SELECT f.day, f.app_no, l.app, f.channel, f.stage, f.outcome, f.errcode, CASE WHEN f.errcode = 0 THEN '' ELSE coalesce(m.meaning, 'see WeChat''s list of errcodes') END AS meaning,
      f.errors::bigint AS errors
    FROM failed f JOIN weigate.app_label l USING (app_no) LEFT JOIN meaning m USING (errcode);
SELECT weigate.mart_explain('login_errors', 'Question 6: why do sign-ins fail? One row per day, account, channel, stage, outcome and errcode of WeChat that occurred. The sum over a day, account and channel is attempts - signed_in of login_funnel_daily. Snapshot visitors and silent tries that went on to the consent page are left out.',
  'stage', 'Where it ended: claim, token, profile.', 'outcome', 'How it ended, in weigate''s words: code_rejected, upstream_timeout, upstream_unavailable, upstream_quota, blocked, account_misconfigured, …',
  'errcode', 'WeChat''s errcode; 0 where WeChat gave none.', 'meaning', 'What that errcode means; empty for 0.', 'errors', 'How many.');

CREATE VIEW weigate_mart.snapshot_share_daily AS
  SELECT e.day, e.app_no, l.app, sum(e.events) FILTER (WHERE NOT e.is_snapshot)::bigint AS visits, coalesce(sum(e.events) FILTER (WHERE e.is_snapshot), 0)::bigint AS snapshot_visits,
      round(coalesce(sum(e.events) FILTER (WHERE e.is_snapshot), 0) / sum(e.events), 4) AS snapshot_share
    FROM weigate.event_count e JOIN weigate.app_label l USING (app_no) WHERE e.outcome <> 'escalated' GROUP BY 1, 2, 3;
SELECT weigate.mart_explain('snapshot_share_daily', 'Question 7: how many visitors are virtual (快照页用户)? One row per day and account. WeChat opens a page that asks for a profile without the user''s doing in snapshot mode: avatar, nickname, openid and unionid are invented for the visit. weigate never stores them as people, and every other view leaves them out: this one shows how many there were. Caveat: visits, not people; virtual ids do not repeat, so the same human may be counted often.',
  'visits', 'Real attempts to sign in, completed or not.', 'snapshot_visits', 'Visits in snapshot mode.', 'snapshot_share', 'snapshot_visits / both.');

CREATE VIEW weigate_mart.scope_mix_daily AS
  SELECT e.day, e.app_no, l.app, e.scope, sum(e.events)::bigint AS logins, round(sum(e.events) / sum(sum(e.events)) OVER (PARTITION BY e.day, e.app_no), 4) AS share
    FROM weigate.event_count e JOIN weigate.app_label l USING (app_no) WHERE e.is_login GROUP BY 1, 2, 3, 4;
SELECT weigate.mart_explain('scope_mix_daily', 'Question 11: which scopes did people grant? One row per day, account and scope, over completed sign-ins. snsapi_base: silent, openid only; snsapi_userinfo: nickname, picture, unionid; snsapi_login: website sign-in by QR code. Caveat: sign-ins, not people; profile_asof(date) has the scope per person.',
  'scope', 'Scope of the sign-in, as WeChat confirmed it.', 'logins', 'Completed sign-ins.', 'share', 'Their share of the account''s completed sign-ins of the day.');

CREATE VIEW weigate_mart.privilege_mix AS
  SELECT p.app_no, l.app, coalesce(v.privilege, '(none)') AS privilege, count(*)::integer AS users
    FROM weigate.profile p JOIN weigate.app_label l ON l.app_no = p.app_no
    LEFT JOIN LATERAL (SELECT jsonb_array_elements_text(CASE WHEN p.privilege ~ '^\s*\[.+\]\s*$' THEN p.privilege::jsonb ELSE '[]' END) AS privilege) v ON true
    WHERE p.profile_at IS NOT NULL GROUP BY 1, 2, 3;
SELECT weigate.mart_explain('privilege_mix', 'Question 11: which privileges do people''s profiles name? One row per account and privilege, over people whose profile was pulled at least once; (none) for those without any. Caveat: WeChat fills this list for few people (chinaunicom and the like); somebody with two privileges is in two rows.',
  'privilege', 'As WeChat spelled it; (none).', 'users', 'People.');

CREATE VIEW weigate_mart.token_expiry_forecast AS
  SELECT p.app_no, l.app, k.kind, CASE WHEN k.expires_at >= weigate_mart.clock() THEN (k.expires_at AT TIME ZONE l.time_zone)::date END AS expires_day,
      k.expires_at < weigate_mart.clock() AS is_expired, count(*)::integer AS tokens
    FROM weigate_secret.token t JOIN weigate.profile p USING (profile_no) JOIN weigate.app_label l ON l.app_no = p.app_no
    CROSS JOIN LATERAL (VALUES ('access', t.access_expires_us), ('refresh', t.refresh_expires_us)) e (kind, us)
    CROSS JOIN LATERAL (SELECT e.kind, to_timestamp(e.us / 1000000) AS expires_at) k
    WHERE e.us > 0 AND t.sealed <> '' GROUP BY 1, 2, 3, 4, 5;
SELECT weigate.mart_explain('token_expiry_forecast', 'Question 11: which tokens expire soon? One row per account, kind of token and day on which tokens expire, and one row for those already expired (expires_day NULL). access tokens live two hours, refresh tokens 30 days from the last sign-in: while one lives the profile can be pulled anew without the person. The tokens themselves are sealed and in no view. Caveat: tokens whose refresh time is long past are removed by maintenance.',
  'kind', 'access or refresh.', 'expires_day', 'Day in the account''s time zone; NULL in the row of those that expired.', 'is_expired', 'Expired already.', 'tokens', 'How many.');

CREATE VIEW weigate_mart.data_freshness AS
  SELECT l.app_no, l.app, weigate_mart.clock() AS as_of, e.last_event_at, round(extract(epoch FROM weigate_mart.clock() - e.last_event_at) / 60)::bigint AS minutes_since_event,
      e.events_24h, e.median_lag_s, e.late_share, s.through_day AS counted_through, l.today - 1 - s.through_day AS days_behind, nullif(s.refreshed_at, '-infinity') AS counted_at
    FROM weigate.app_label l CROSS JOIN weigate.mart_state s
    CROSS JOIN LATERAL (
      SELECT max(event_at) AS last_event_at, count(*) FILTER (WHERE event_at >= weigate_mart.clock() - interval '24 hours') AS events_24h,
          round(extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY recorded_at - event_at))::numeric, 1) AS median_lag_s,
          round(count(*) FILTER (WHERE recorded_at - event_at > interval '5 minutes')::numeric / nullif(count(*), 0), 4) AS late_share
        FROM weigate.login_event v WHERE v.app_no = l.app_no AND v.event_at >= weigate_mart.clock() - interval '48 hours' AND v.event_at <= weigate_mart.clock() + interval '5 minutes') e
    WHERE l.app_no > 0;
SELECT weigate.mart_explain('data_freshness', 'Question 12: can I trust today''s numbers: is everything here yet? One row per account, looking at the last 48 hours. days_behind 0 and a small minutes_since_event at a busy time of day are good. Caveats: days up to counted_through come from counts made at counted_at, later ones are counted when you ask; a spool that waits on a host (after an outage) brings late events: then late_share rises and the counts of those days are made anew.',
  'as_of', 'Now, by the mart''s clock.', 'last_event_at', 'Latest end of a sign-in, good or bad; NULL: none within 48 hours.', 'minutes_since_event', 'Minutes since then.', 'events_24h', 'Ends of sign-ins in the last 24 hours.',
  'median_lag_s', 'Median seconds from an event to its arrival in the database.', 'late_share', 'Share that arrived more than 5 minutes late.', 'counted_through', 'Last day whose counts are made.',
  'days_behind', 'Whole days that are over and whose counts are not made yet; more than 1: weigatectl storage maintain does not run.', 'counted_at', 'When counts and links were brought up to date last; NULL: never.');

CREATE VIEW weigate_mart.data_quality AS
  WITH new AS (SELECT app_no, sum(people) AS people FROM weigate.mart_new WHERE app_no > 0 GROUP BY 1),
  new_open AS (SELECT app_no, sum(people) AS people FROM weigate.new_open WHERE app_no > 0 GROUP BY 1),
  signed AS (SELECT app_no, count(*) AS people FROM weigate.profile_activity GROUP BY 1),
  erased AS (SELECT app_no, count(*) AS people FROM weigate.user_day WHERE profile_no < 0 AND is_first GROUP BY 1),
  known AS (SELECT app_no, count(*) AS people, count(unionid) AS with_unionid, count(profile_at) AS with_profile FROM weigate.profile GROUP BY 1),
  active AS (SELECT app_no, count(*) FILTER (WHERE dau > wau7 OR wau7 > mau30) AS bad, max(day) - min(day) + 1 - count(*) AS missing FROM weigate.mart_active WHERE app_no > 0 GROUP BY 1),
  events AS (SELECT app_no, sum(events) FILTER (WHERE is_login) AS logins FROM weigate.mart_event GROUP BY 1),
  hours AS (SELECT app_no, sum(logins) AS logins FROM weigate.mart_hour GROUP BY 1),
  rolled AS (SELECT r.app_no, sum(r.logins) AS logins FROM weigate.daily_rollup r, weigate.mart_state s WHERE r.day <= s.through_day GROUP BY 1)
  SELECT l.app_no, l.app, c.check_name, c.value, c.expected, CASE WHEN c.expected IS NULL THEN NULL ELSE c.value IS NOT DISTINCT FROM c.expected END AS is_good, c.explanation
    FROM weigate.app_label l LEFT JOIN new USING (app_no) LEFT JOIN new_open USING (app_no) LEFT JOIN signed USING (app_no) LEFT JOIN erased USING (app_no) LEFT JOIN known USING (app_no)
    LEFT JOIN active USING (app_no) LEFT JOIN events USING (app_no) LEFT JOIN hours USING (app_no) LEFT JOIN rolled USING (app_no)
    CROSS JOIN LATERAL (VALUES
      ('new_users_equal_people', coalesce(new.people, 0) + coalesce(new_open.people, 0), coalesce(signed.people, 0) + coalesce(erased.people, 0), 'new users over all days; expected: people who ever signed in, and those erased'),
      ('windows_in_order', coalesce(active.bad, 0), 0, 'days on which dau <= wau7 <= mau30 does not hold'),
      ('days_without_counts', coalesce(active.missing, 0), NULL, 'days between the first and the last on which nobody signed in, or whose counts are missing'),
      ('logins_agree', coalesce(events.logins, 0), coalesce(rolled.logins, 0), 'completed sign-ins by events; expected: by people''s days'),
      ('heatmap_agrees', coalesce(hours.logins, 0), coalesce(events.logins, 0), 'completed sign-ins of the heat map; expected: by events'),
      ('erased_people', coalesce(erased.people, 0), NULL, 'people who were erased and whose counts remain'),
      ('unionid_percent', round(100.0 * known.with_unionid / nullif(known.people, 0), 1), NULL, 'people with a unionid, in percent: only they are recognised across accounts'),
      ('profile_percent', round(100.0 * known.with_profile / nullif(known.people, 0), 1), NULL, 'people whose profile was pulled at least once, in percent')
    ) c (check_name, value, expected, explanation) WHERE l.app_no > 0
  UNION ALL
  SELECT 0, 'all accounts', 'months_ahead', n.months, 3, n.months = 3, 'of the next three months, how many have their partitions: below 2 run weigatectl storage maintain now'
    FROM (SELECT count(*)::numeric AS months FROM generate_series(1, 3) m JOIN pg_class c ON c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'weigate')
      AND c.relname = 'login_event' || to_char(weigate_mart.clock() AT TIME ZONE 'Asia/Shanghai' + m * interval '1 month', '_YYYY_MM')) n
  UNION ALL
  SELECT 0, 'all accounts', 'days_due', count(*), 0, count(*) = 0, 'days that are counted and got late data since: their counts are made anew by the next maintenance' FROM weigate.rollup_due d, weigate.mart_state s WHERE d.day <= s.through_day;
SELECT weigate.mart_explain('data_quality', 'Question 12: can I trust the numbers: do they agree with each other, is anything missing? One row per account and check; is_good false is a reason to ask the administrator. Checks without an expected value are there to be known.',
  'check_name', 'Name of the check.', 'value', 'What was found.', 'expected', 'What it must be; NULL: for information.', 'is_good', 'value = expected; NULL: for information.', 'explanation', 'What is compared with what.');

CREATE VIEW weigate_mart.privacy_requests_status AS
  SELECT date_trunc('month', received_at AT TIME ZONE 'Asia/Shanghai')::date AS month, kind, count(*)::integer AS received, count(*) FILTER (WHERE outcome = 'done')::integer AS done,
      count(*) FILTER (WHERE outcome = 'refused')::integer AS refused, count(*) FILTER (WHERE done_at IS NULL)::integer AS open,
      count(*) FILTER (WHERE coalesce(done_at, weigate_mart.clock()) > due_at)::integer AS late,
      round((extract(epoch FROM percentile_disc(0.5) WITHIN GROUP (ORDER BY done_at - received_at)) / 86400)::numeric, 1) AS median_days
    FROM weigate.privacy_request GROUP BY 1, 2;
SELECT weigate.mart_explain('privacy_requests_status', 'How do we deal with what people ask about their data (个人信息保护法 44 to 47)? One row per month in which requests came and kind. Numbers only: who asked is for the privacy officer.',
  'month', 'First day of the month, Asia/Shanghai.', 'kind', 'access, copy, correct, erase, restrict.', 'received', 'Requests that came in that month.', 'done', 'Done.', 'refused', 'Refused.', 'open', 'Still open.',
  'late', 'Done after they were due, or open and due.', 'median_days', 'Median days until they were closed; NULL: none yet.');

CREATE VIEW weigate_mart.table_sizes AS
  SELECT n.nspname AS schema_name, c.relname AS table_name, count(*) FILTER (WHERE k.relkind = 'r')::integer AS partitions, greatest(sum(k.reltuples) FILTER (WHERE k.relkind = 'r'), 0)::bigint AS rows_estimate,
      sum(pg_table_size(k.oid))::bigint AS table_bytes, sum(pg_indexes_size(k.oid))::bigint AS index_bytes, pg_size_pretty(sum(pg_total_relation_size(k.oid))) AS total_size
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      CROSS JOIN LATERAL (SELECT c.oid UNION ALL SELECT t.relid FROM pg_partition_tree(c.oid) t WHERE t.relid <> c.oid) part (oid) JOIN pg_class k ON k.oid = part.oid
    WHERE n.nspname IN ('weigate', 'weigate_secret') AND c.relkind IN ('r', 'p') AND NOT c.relispartition GROUP BY 1, 2;
SELECT weigate.mart_explain('table_sizes', 'How large is it? One row per table below the mart, partitions added up. rows_estimate is what the last vacuum or analyze saw: good enough for a dashboard, and free of cost where count(*) reads everything.',
  'schema_name', 'Schema.', 'table_name', 'Table.', 'partitions', 'Number of tables it consists of.', 'rows_estimate', 'Rows, as of the last vacuum or analyze.', 'table_bytes', 'Bytes without indexes.', 'index_bytes', 'Bytes of its indexes.',
  'total_size', 'Both, readable.');

CREATE VIEW weigate_mart.definitions AS
  SELECT * FROM (VALUES
    ('day', '日期', 'Calendar day in the time zone of the account (Asia/Shanghai unless set otherwise); fixed when the sign-in is recorded.', 'every view', 'day'),
    ('completed sign-in', '登录', 'A sign-in through WeChat that ended with a session. Further visits on a session that is still valid are none.', 'login_funnel_daily', 'signed_in'),
    ('active user', '活跃用户', 'A person with at least one completed sign-in in the period.', 'active_users', 'dau'),
    ('DAU', '日活', 'People active on the day.', 'active_users', 'dau'),
    ('WAU', '周活', 'People active on the day or the 6 days before; exact.', 'active_users', 'wau7'),
    ('MAU', '月活', 'People active on the day or the 29 days before; exact.', 'active_users', 'mau30'),
    ('stickiness', '粘性', 'DAU / MAU of the same day.', 'active_users', 'stickiness'),
    ('new user', '新增用户', 'A person on the day of its first completed sign-in.', 'new_users_daily', 'new_users'),
    ('day-n retention', 'N日留存', 'Share of a day''s new users who sign in exactly n days later.', 'retention_day_n', 'retained_share'),
    ('weekly retention', '周留存', 'Share of a week''s new users who sign in in a given later week.', 'retention_weekly', 'retained_share'),
    ('retained', '留存用户', 'Active in this week and in the week before, and not new.', 'growth_accounting_weekly', 'retained_users'),
    ('resurrected', '回流用户', 'Active in this week, not in the week before, and not new.', 'growth_accounting_weekly', 'resurrected_users'),
    ('churned', '流失用户', 'Active in the week before and not in this one.', 'growth_accounting_weekly', 'churned_users'),
    ('dormant', '沉睡用户', 'Without a completed sign-in for n days or more; n is yours to choose.', 'dormant_users', 'days_dormant'),
    ('L28', '月活跃天数', 'Number of days active among the last 28 that are over.', 'l28_histogram', 'active_days'),
    ('profile', '账号内用户', 'One person in one WeChat account: AppID and openid. Known as profile_no.', 'profile_versions', 'profile_no'),
    ('person', '自然人', 'Profiles of several accounts with the same unionid in one Open Platform account; otherwise one profile. Known as person_no.', 'people', 'person_no'),
    ('restated', '回溯口径', 'By today''s links between accounts: a link that arrives later changes the past.', 'people', 'person_no'),
    ('as recorded', '记录口径', 'By the links that were known at the time.', 'people_as_recorded', 'recorded_person_no'),
    ('snapshot visitor', '快照页用户', 'Virtual visitor of WeChat''s snapshot mode; never a person, left out everywhere but in snapshot_share_daily.', 'snapshot_share_daily', 'snapshot_visits'),
    ('known', '已知', 'Gender or region was observed at some time; most of it before October 2021.', 'geo_coverage_monthly', 'known_users'),
    ('stale', '过时', 'Known, and observed last more than 365 days ago.', 'geo_coverage_monthly', 'stale_users'),
    ('attempt', '登录尝试', 'A visitor came back from WeChat with a code; snapshot visitors and silent tries that were sent on left out.', 'login_funnel_daily', 'attempts'),
    ('success share', '登录成功率', 'Completed sign-ins / attempts.', 'login_funnel_daily', 'success_share'),
    ('channel', '渠道', 'How people came: wechat, qr, qrconnect, spa.', 'new_users_daily', 'channel'),
    ('erased', '已删除', 'A person whose data was erased: all numbers stay, under a number that stands for nobody.', 'data_quality', 'value')
  ) d (metric, chinese, definition, view_name, column_name);
SELECT weigate.mart_explain('definitions', 'What does each word mean? One row per metric, with where to find it. The views'' own comments (\dv+ and \d+ active_users) say the same and more.',
  'metric', 'The word.', 'chinese', 'In Chinese.', 'definition', 'What it means.', 'view_name', 'View of weigate_mart that has it.', 'column_name', 'Column there.');

SELECT FROM weigate.grant_roles();

INSERT INTO weigate.schema_migration (version, name) VALUES (9, 'mart_operations');
