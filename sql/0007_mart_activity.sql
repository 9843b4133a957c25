-- SPDX-License-Identifier: Apache-2.0
-- weigate_mart, how many and how often: questions 1 to 4 and 9, and the heat map. Views run with their owner's rights: a right to the view is
-- all that an analyst needs. security_barrier keeps a clever condition from seeing rows that the view leaves out.
-- Days up to mart_state.through_day come from the mart's tables; later ones, today above all, are counted when asked for.

-- Explains a view and each of its columns ('column', 'text', …); words that mean the same everywhere need no pair. A column without an
-- explanation is refused.
CREATE FUNCTION weigate.mart_explain(view_name text, about text, VARIADIC pairs text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  everywhere jsonb := '{
    "day": "Day in the account''s time zone (Asia/Shanghai unless set otherwise).",
    "app_no": "Number of the WeChat account; 0 where a row stands for all accounts together.",
    "app": "Name of the account (its AppID where no name was given); ''all accounts'' for app_no 0.",
    "channel": "How people came: wechat (page opened inside WeChat), qr (code shown on a computer, scanned and confirmed on the phone), qrconnect (WeChat''s own QR page for websites), spa (an app that calls the JSON interface).",
    "profile_no": "Pseudonym of one person in one account. Says nothing about openid or nickname.",
    "person_no": "Pseudonym of a human across accounts: profiles with the same unionid share it. Equals profile_no for who is known in one account only."
  }';
  given jsonb := coalesce((SELECT jsonb_object_agg(pairs[i], pairs[i + 1]) FROM generate_series(1, cardinality(pairs), 2) i), '{}');
  part record;
  word text;
BEGIN
  EXECUTE format('ALTER VIEW weigate_mart.%I SET (security_barrier = true)', view_name);
  EXECUTE format('COMMENT ON VIEW weigate_mart.%I IS %L', view_name, about);
  FOR part IN SELECT attname FROM pg_attribute WHERE attrelid = ('weigate_mart.' || quote_ident(view_name))::regclass AND attnum > 0 LOOP
    word := coalesce(given ->> part.attname, everywhere ->> part.attname);
    IF word IS NULL THEN RAISE EXCEPTION 'weigate_mart.%: the column % has no explanation', view_name, part.attname; END IF;
    EXECUTE format('COMMENT ON COLUMN weigate_mart.%I.%I IS %L', view_name, part.attname, word);
    given := given - part.attname;
  END LOOP;
  IF given <> '{}' THEN RAISE EXCEPTION 'weigate_mart.% has no columns %', view_name, given; END IF;
END $$;
COMMENT ON FUNCTION weigate.mart_explain IS 'Comments a view of the mart and each of its columns.';

CREATE VIEW weigate.app_label AS
  SELECT app_no, coalesce(nullif(display_name, ''), appid) AS app, time_zone, (weigate_mart.clock() AT TIME ZONE time_zone)::date AS today FROM weigate.app
  UNION ALL SELECT 0, 'all accounts', 'Asia/Shanghai', (SELECT max((weigate_mart.clock() AT TIME ZONE time_zone)::date) FROM weigate.app);
COMMENT ON VIEW weigate.app_label IS 'Accounts with the name that reports show, and all of them together.';
COMMENT ON COLUMN weigate.app_label.app_no IS 'Account; 0: all.';
COMMENT ON COLUMN weigate.app_label.app IS 'Name for reports.';
COMMENT ON COLUMN weigate.app_label.time_zone IS 'Zone of its days.';
COMMENT ON COLUMN weigate.app_label.today IS 'Which day it is there, by the mart''s clock.';

CREATE VIEW weigate.mart_today AS SELECT (weigate_mart.clock() AT TIME ZONE 'Asia/Shanghai')::date AS today, through_day FROM weigate.mart_state;
COMMENT ON VIEW weigate.mart_today IS 'Today, by the mart''s clock, and the last day that is counted.';
COMMENT ON COLUMN weigate.mart_today.today IS 'Today in Shanghai.';
COMMENT ON COLUMN weigate.mart_today.through_day IS 'As in mart_state.';

-- Today and yesterday, unless they are in the mart's tables already; one day for all, since accounts' days differ by hours at most.
-- Accounts: one scan over the bitmaps, shifted so that bit n says "n days before today"; erased people have no bitmap, their days are counted.
-- All accounts: the sum, less those who are known in several: of them mart_link_day says when they were seen last, and user_day who came since.
CREATE VIEW weigate.active_open AS
  WITH account AS MATERIALIZED (
    SELECT a.app_no, count(*) FILTER (WHERE b.bits & 1 <> 0) AS dau_0, count(*) FILTER (WHERE b.bits & 127 <> 0) AS wau_0, count(*) FILTER (WHERE b.bits & 1073741823 <> 0) AS mau_0,
        count(*) FILTER (WHERE b.bits & 2 <> 0) AS dau_1, count(*) FILTER (WHERE b.bits & 254 <> 0) AS wau_1, count(*) FILTER (WHERE b.bits & 2147483646 <> 0) AS mau_1
      FROM weigate.profile_activity a CROSS JOIN LATERAL (VALUES (CASE WHEN a.last_login_day <= (SELECT today FROM weigate.mart_today)
          THEN a.days60 << ((SELECT today FROM weigate.mart_today) - a.last_login_day) ELSE a.days60 >> (a.last_login_day - (SELECT today FROM weigate.mart_today)) END)) b (bits)
      WHERE a.last_login_day > (SELECT today - 31 FROM weigate.mart_today) GROUP BY a.app_no
  ), gone AS (
    SELECT d.app_no, count(DISTINCT d.profile_no) FILTER (WHERE t.ago = 0) AS dau_0, count(DISTINCT d.profile_no) FILTER (WHERE t.ago < 7) AS wau_0, count(DISTINCT d.profile_no) FILTER (WHERE t.ago < 30) AS mau_0,
        count(DISTINCT d.profile_no) FILTER (WHERE t.ago = 1) AS dau_1, count(DISTINCT d.profile_no) FILTER (WHERE t.ago BETWEEN 1 AND 7) AS wau_1, count(DISTINCT d.profile_no) FILTER (WHERE t.ago BETWEEN 1 AND 30) AS mau_1
      FROM weigate.user_day d CROSS JOIN LATERAL (VALUES ((SELECT today FROM weigate.mart_today) - d.day)) t (ago)
      WHERE d.profile_no < 0 AND t.ago BETWEEN 0 AND 30 GROUP BY d.app_no
  ), visit AS MATERIALIZED (
    SELECT l.person_no, l.profile_no, (SELECT today FROM weigate.mart_today) - l.profile_day AS profile_ago, (SELECT today FROM weigate.mart_today) - l.person_day AS person_ago,
        bool_or(d.day = (SELECT today FROM weigate.mart_today)) AS is_0, bool_or(d.day < (SELECT today FROM weigate.mart_today)) AS is_1
      FROM weigate.user_day d JOIN weigate.person_link l USING (profile_no)
      WHERE d.day > (SELECT through_day FROM weigate.mart_today) AND d.day >= (SELECT today - 1 FROM weigate.mart_today) AND d.day <= (SELECT today FROM weigate.mart_today)
      GROUP BY l.profile_no
  ), twice (dau_0, wau_0, mau_0, dau_1, wau_1, mau_1) AS (
    -- How often too often: profiles seen, less people seen; of those who came since, and of those who did not.
    SELECT count(*) FILTER (WHERE is_0), count(*) FILTER (WHERE profile_ago < 7 IS NOT TRUE), count(*) FILTER (WHERE profile_ago < 30 IS NOT TRUE),
        count(*) FILTER (WHERE is_1), count(*) FILTER (WHERE is_1 AND profile_ago <= 7 IS NOT TRUE), count(*) FILTER (WHERE is_1 AND profile_ago <= 30 IS NOT TRUE) FROM visit
    UNION ALL
    SELECT -count(*) FILTER (WHERE is_0), -count(*) FILTER (WHERE person_ago < 7 IS NOT TRUE), -count(*) FILTER (WHERE person_ago < 30 IS NOT TRUE),
        -count(*) FILTER (WHERE is_1), -count(*) FILTER (WHERE is_1 AND person_ago <= 7 IS NOT TRUE), -count(*) FILTER (WHERE is_1 AND person_ago <= 30 IS NOT TRUE)
      FROM (SELECT person_no, min(person_ago) AS person_ago, bool_or(is_0) AS is_0, bool_or(is_1) AS is_1 FROM visit GROUP BY person_no) p
    UNION ALL
    SELECT 0, sum(p.n) FILTER (WHERE p.ago < 7), sum(p.n) FILTER (WHERE p.ago < 30), sum(p.n) FILTER (WHERE p.ago = 1), sum(p.n) FILTER (WHERE p.ago <= 7), sum(p.n) FILTER (WHERE p.ago <= 30)
      FROM (SELECT profiles - people AS n, (SELECT today FROM weigate.mart_today) - day AS ago FROM weigate.mart_link_day) p
  ), counted AS (
    SELECT app_no, dau_0, wau_0, mau_0, dau_1, wau_1, mau_1 FROM account UNION ALL SELECT * FROM gone
    UNION ALL SELECT 0::smallint, dau_0, wau_0, mau_0, dau_1, wau_1, mau_1 FROM account UNION ALL SELECT 0::smallint, dau_0, wau_0, mau_0, dau_1, wau_1, mau_1 FROM gone
    UNION ALL SELECT 0::smallint, -dau_0, -wau_0, -mau_0, -dau_1, -wau_1, -mau_1 FROM twice
  )
  SELECT t.today - d.ago AS day, c.app_no, d.dau::integer AS dau, d.wau7::integer AS wau7, d.mau30::integer AS mau30
    FROM (SELECT app_no, sum(dau_0) AS dau_0, sum(wau_0) AS wau_0, sum(mau_0) AS mau_0, sum(dau_1) AS dau_1, sum(wau_1) AS wau_1, sum(mau_1) AS mau_1 FROM counted GROUP BY app_no) c
    CROSS JOIN LATERAL (VALUES (0, dau_0, wau_0, mau_0), (1, dau_1, wau_1, mau_1)) d (ago, dau, wau7, mau30) CROSS JOIN weigate.mart_today t
    WHERE t.today - d.ago > t.through_day;
COMMENT ON VIEW weigate.active_open IS 'Active people today and yesterday, where they are not in mart_active yet.';
COMMENT ON COLUMN weigate.active_open.day IS 'As in mart_active.';
COMMENT ON COLUMN weigate.active_open.app_no IS 'As in mart_active.';
COMMENT ON COLUMN weigate.active_open.dau IS 'As in mart_active.';
COMMENT ON COLUMN weigate.active_open.wau7 IS 'As in mart_active.';
COMMENT ON COLUMN weigate.active_open.mau30 IS 'As in mart_active.';

CREATE VIEW weigate_mart.active_users AS
  SELECT r.day, r.app_no, l.app, r.dau, r.wau7, r.mau30, round(r.dau::numeric / nullif(r.mau30, 0), 3) AS stickiness, r.day >= l.today AS is_open
    FROM (SELECT m.day, m.app_no, m.dau, m.wau7, m.mau30 FROM weigate.mart_active m
      UNION ALL SELECT o.day, o.app_no, o.dau, o.wau7, o.mau30 FROM weigate.active_open o) r
    JOIN weigate.app_label l USING (app_no);
SELECT weigate.mart_explain('active_users', 'Question 1: how many people sign in per day, week, month (活跃用户)? One row per day and account, and one for all accounts together, in which a person known in several accounts (same unionid) counts once. A person is active on a day with at least one completed sign-in; wau7 and mau30 are exact distinct counts over the 7 and 30 days that end with the day. Caveats: snapshot visitors never count; visits on a session that is still valid are no sign-ins; today is not over; days that maintenance has not counted yet show for today and yesterday only; never add up dau over days or accounts to get people: use wau7, mau30, app_no 0.',
  'dau', 'People with a completed sign-in on the day (日活).', 'wau7', 'People with one on the day or the 6 days before (周活).',
  'mau30', 'People with one on the day or the 29 days before (月活).', 'stickiness', 'dau / mau30: share of the month''s people who came on the day.',
  'is_open', 'True while the day is not over: its numbers still grow.');

CREATE VIEW weigate.new_open AS
  WITH newcomer AS (
    SELECT d.day, d.app_no, d.profile_no, coalesce((SELECT e.channel FROM weigate.login_event e
        WHERE e.profile_no = d.profile_no AND e.event_day = d.day AND e.is_login
          AND e.event_at >= d.day::timestamp AT TIME ZONE 'UTC' - interval '15 hours'
        ORDER BY e.event_at, e.event_id LIMIT 1), '') AS channel
      FROM weigate.user_day d WHERE d.is_first AND d.day > (SELECT greatest(through_day, today - 30) FROM weigate.mart_today)
        AND d.day <= (SELECT today + 1 FROM weigate.mart_today)
  )
  SELECT day, app_no, channel, count(*) AS people FROM newcomer GROUP BY 1, 2, 3
  UNION ALL
  SELECT day, 0::smallint, channel, count(*) FROM (
    SELECT DISTINCT ON (coalesce(l.person_no, n.profile_no)) n.day, n.channel
      FROM newcomer n LEFT JOIN weigate.person_link l USING (profile_no) WHERE l.profile_no IS NULL OR l.first_day = n.day
      ORDER BY coalesce(l.person_no, n.profile_no), n.profile_no) p GROUP BY 1, 3;
COMMENT ON VIEW weigate.new_open IS 'New people on the days that are not in mart_new yet.';
COMMENT ON COLUMN weigate.new_open.day IS 'As in mart_new.';
COMMENT ON COLUMN weigate.new_open.app_no IS 'As in mart_new.';
COMMENT ON COLUMN weigate.new_open.channel IS 'As in mart_new.';
COMMENT ON COLUMN weigate.new_open.people IS 'As in mart_new.';

CREATE VIEW weigate_mart.new_users_daily AS
  SELECT r.day, r.app_no, l.app, r.channel, r.people AS new_users
    FROM (SELECT m.day, m.app_no, m.channel, m.people FROM weigate.mart_new m
      UNION ALL SELECT o.day, o.app_no, o.channel, o.people::integer FROM weigate.new_open o) r
    JOIN weigate.app_label l USING (app_no);
SELECT weigate.mart_explain('new_users_daily', 'Question 2: how many people are new (新增用户), by day, account and channel? One row per day, account and channel on which somebody was new, and rows for all accounts together (a person is new there once). New means: the first completed sign-in that was ever recorded for the person. The sum over all days of an account is the number of people who ever signed in there, those erased since included. Caveats: a person brought in by an import is new when it first signs in here; a late event may move a first day back; who was erased and signs in again is new again.',
  'channel', 'Channel of the first sign-in: wechat, qr, qrconnect, spa; empty where its event is no longer kept.', 'new_users', 'People whose first completed sign-in this was.');

CREATE VIEW weigate_mart.retention_weekly AS
  SELECT c.cohort_week, (w.week - c.cohort_week) / 7 AS week_no, w.week, c.app_no, l.app, c.people AS cohort_users, coalesce(m.people, 0) AS retained_users,
      round(coalesce(m.people, 0)::numeric / c.people, 4) AS retained_share
    FROM weigate.mart_cohort_week c
    JOIN (SELECT DISTINCT week, app_no FROM weigate.mart_growth) w ON w.app_no = c.app_no AND w.week >= c.cohort_week
    LEFT JOIN weigate.mart_cohort_week m ON m.cohort_week = c.cohort_week AND m.week = w.week AND m.app_no = c.app_no
    JOIN weigate.app_label l ON l.app_no = c.app_no
    WHERE c.week = c.cohort_week;
SELECT weigate.mart_explain('retention_weekly', 'Question 3: do people come back (留存), by weekly cohort? One row per cohort (people whose first sign-in fell into that week, Monday to Sunday), account and later week that is over, also where nobody came. week_no 0 is the cohort''s own week, with share 1. Caveats: it is "active in exactly that week", not "still active at or after it"; weeks that are not over are left out; compare cohorts at the same week_no; the youngest cohorts have few weeks, so average only over cohorts that have the week.',
  'cohort_week', 'Monday of the week of the first sign-in.', 'week_no', 'Weeks after it: 0, 1, 2, …', 'week', 'Monday of the week looked at.',
  'cohort_users', 'People in the cohort.', 'retained_users', 'Those of them with a completed sign-in in the week.', 'retained_share', 'retained_users / cohort_users.');

CREATE VIEW weigate_mart.retention_day_n AS
  SELECT c.day AS cohort_day, n.day_n, c.app_no, l.app, c.people AS cohort_users, coalesce(m.people, 0) AS retained_users,
      round(coalesce(m.people, 0)::numeric / c.people, 4) AS retained_share
    FROM (SELECT day, app_no, sum(people)::integer AS people FROM weigate.mart_new GROUP BY day, app_no) c
    CROSS JOIN weigate.mart_state s
    CROSS JOIN (SELECT generate_series(1, 30) UNION ALL VALUES (60), (90)) n (day_n)
    LEFT JOIN weigate.mart_cohort_day m ON m.cohort_day = c.day AND m.day_n = n.day_n AND m.app_no = c.app_no
    JOIN weigate.app_label l ON l.app_no = c.app_no
    WHERE c.day + n.day_n <= s.through_day;
SELECT weigate.mart_explain('retention_day_n', 'Question 3: how many people come back exactly n days after their first sign-in (次日留存, 7日留存, 30日留存)? One row per day of the first sign-in, account and n (1 to 30, 60, 90), once that day is over; also where nobody came back. To get one figure over many cohorts divide the sums: sum(retained_users) / sum(cohort_users). Caveat: exactly on day n; somebody who came on days 6 and 8 does not count for 7.',
  'cohort_day', 'Day of the first completed sign-in.', 'day_n', 'Days after it.', 'cohort_users', 'People new on that day.',
  'retained_users', 'Those of them with a completed sign-in on day n.', 'retained_share', 'retained_users / cohort_users.');

CREATE VIEW weigate_mart.growth_accounting_weekly AS
  SELECT g.week, g.app_no, l.app, g.active AS active_users, g.new AS new_users, g.retained AS retained_users, g.resurrected AS resurrected_users,
      g.churned AS churned_users, g.new + g.resurrected - g.churned AS net_change, round((g.new + g.resurrected)::numeric / nullif(g.churned, 0), 3) AS quick_ratio
    FROM weigate.mart_growth g JOIN weigate.app_label l USING (app_no);
SELECT weigate.mart_explain('growth_accounting_weekly', 'Question 4: who grows the base: new, retained, resurrected, churned (流失)? One row per week that is over (Monday to Sunday) and account, and for all accounts together. active = new + retained + resurrected, and active = the week before''s active + net_change. Caveat: churned means "active last week, not this week": many of them come back later as resurrected.',
  'week', 'Monday of the week.', 'active_users', 'People with a completed sign-in in the week.', 'new_users', 'Those whose first ever it was.',
  'retained_users', 'Those who were active in the week before too.', 'resurrected_users', 'Those who came back after at least one whole week''s absence.',
  'churned_users', 'Active in the week before and not in this one.', 'net_change', 'new + resurrected - churned.', 'quick_ratio', '(new + resurrected) / churned: above 1 the base grows.');

CREATE VIEW weigate_mart.dormant_users AS
  SELECT a.profile_no, coalesce(p.person_no, a.profile_no) AS person_no, a.app_no, l.app, a.first_login_day, a.last_login_day,
      l.today - a.last_login_day AS days_dormant, a.login_days, a.login_count
    FROM weigate.profile_activity a JOIN weigate.app_label l ON l.app_no = a.app_no LEFT JOIN weigate.person_link p ON p.profile_no = a.profile_no;
SELECT weigate.mart_explain('dormant_users', 'Question 9: who is dormant (沉睡用户)? One row per person and account with at least one completed sign-in, with the days since the last one: WHERE days_dormant >= 90. Caveat: per account: who sleeps here may be active in another account of yours; group by person_no and take min(days_dormant) to ask across accounts. Erased people are not in it.',
  'first_login_day', 'First day with a completed sign-in.', 'last_login_day', 'Latest such day.', 'days_dormant', 'Days since then, by the account''s calendar; 0: today.',
  'login_days', 'Number of days with a completed sign-in, ever.', 'login_count', 'Completed sign-ins, ever.');

CREATE VIEW weigate_mart.l28_histogram AS
  WITH counted AS (
    SELECT a.app_no, bit_count((CASE WHEN a.last_login_day < l.today THEN a.days60 << (l.today - 1 - a.last_login_day)
        ELSE a.days60 >> (a.last_login_day - l.today + 1) END)::bit(28)) AS active_days
      FROM weigate.profile_activity a JOIN weigate.app_label l ON l.app_no = a.app_no WHERE a.last_login_day > l.today - 29
    UNION ALL
    SELECT d.app_no, count(*) FROM weigate.user_day d JOIN weigate.app_label l ON l.app_no = d.app_no
      WHERE d.profile_no < 0 AND d.day BETWEEN l.today - 28 AND l.today - 1 GROUP BY d.app_no, d.profile_no
  )
  SELECT c.app_no, l.app, c.active_days::integer AS active_days, count(*)::integer AS users,
      round(count(*)::numeric / sum(count(*)) OVER (PARTITION BY c.app_no), 4) AS share
    FROM counted c JOIN weigate.app_label l USING (app_no) WHERE c.active_days > 0 GROUP BY c.app_no, l.app, c.active_days;
SELECT weigate.mart_explain('l28_histogram', 'Question 9: who is a power user (L28)? One row per account and number of active days (1 to 28) within the 28 days that ended yesterday. The sum of users over an account is the number of people active in those 28 days. Power users are those with many active days, for example 20 or more.',
  'active_days', 'Days with a completed sign-in among the 28 that ended yesterday.', 'users', 'People with exactly that many.', 'share', 'Their share of all people active in those 28 days.');

CREATE VIEW weigate.hour_count AS
  SELECT day, app_no, hour, logins FROM weigate.mart_hour
  UNION ALL
  SELECT e.event_day, e.app_no, extract(hour FROM e.event_at AT TIME ZONE a.time_zone)::smallint, count(*)
    FROM weigate.login_event e JOIN weigate.app a USING (app_no)
    WHERE e.is_login AND e.event_day > (SELECT through_day FROM weigate.mart_state)
      AND e.event_at >= (SELECT greatest(through_day, today - 40)::timestamp AT TIME ZONE 'UTC' FROM weigate.mart_today)
    GROUP BY 1, 2, 3;
COMMENT ON VIEW weigate.hour_count IS 'Completed sign-ins per hour, up to now.';
COMMENT ON COLUMN weigate.hour_count.day IS 'As in mart_hour.';
COMMENT ON COLUMN weigate.hour_count.app_no IS 'As in mart_hour.';
COMMENT ON COLUMN weigate.hour_count.hour IS 'As in mart_hour.';
COMMENT ON COLUMN weigate.hour_count.logins IS 'As in mart_hour.';

CREATE VIEW weigate_mart.login_heatmap AS
  SELECT date_trunc('month', h.day::timestamp)::date AS month, h.app_no, l.app, extract(isodow FROM h.day)::integer AS weekday, h.hour, sum(h.logins)::bigint AS logins,
      count(DISTINCT h.day)::integer AS days_with_logins
    FROM weigate.hour_count h JOIN weigate.app_label l USING (app_no) GROUP BY 1, 2, 3, 4, 5;
SELECT weigate.mart_explain('login_heatmap', 'When do people sign in, by weekday and hour? One row per month, account, weekday and hour with at least one completed sign-in. The sum over an account is its number of completed sign-ins. Caveat: a month has four or five of each weekday; to compare weekdays divide by their number in the month.',
  'month', 'First day of the month.', 'weekday', '1 Monday to 7 Sunday.', 'hour', 'Hour of the day in the account''s time zone, 0 to 23.', 'logins', 'Completed sign-ins.',
  'days_with_logins', 'Days of the month on which this cell had any.');

INSERT INTO weigate.schema_migration (version, name) VALUES (7, 'mart_activity');
