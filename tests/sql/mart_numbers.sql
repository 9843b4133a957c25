-- SPDX-License-Identifier: Apache-2.0
-- The mart's numbers, against a month computed by hand. 2024-01-01 is a Monday.
--   a  account 1 on 1, 2, 8 and 15 January; account 2 on 9 and 31 January, with the same unionid
--   b  account 1 on 3 and 8 January      c  account 1 on 7 January at 23:59:59.999999 and on 8 January at 00:00      d  account 1 on 10 January
BEGIN;
SET LOCAL TimeZone = 'UTC';
SELECT * FROM no_plan();
SELECT weigate.partition_make(parent, day) FROM (VALUES ('login_event'), ('user_day')) p (parent), (VALUES (date '2023-12-15'), ('2024-01-15'), ('2024-02-15')) d (day);

CREATE FUNCTION pg_temp.event(an_appid text, who text, at timestamptz, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
  SELECT jsonb_build_object('i', 0, 'appid', an_appid, 'openid', who, 'key_hash', sha256((an_appid || who)::bytea)::text, 'event_at', at, 'event_id', md5(an_appid || who || at),
    'event_day', (at AT TIME ZONE 'Asia/Shanghai')::date - date '1970-01-01', 'is_login', who <> '', 'is_snapshot', false, 'outcome', 'signed_in', 'stage', 'done', 'errcode', 0,
    'latency_ms', 200, 'scope', 'snsapi_userinfo', 'channel', 'wechat', 'network', '', 'node', 'n') || more
$$;
CREATE FUNCTION pg_temp.sign_in(an_appid text, who text, at timestamptz, more jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
  SELECT weigate.record_signins(jsonb_build_array(jsonb_build_object('i', 0, 'appid', an_appid, 'openid', who, 'key_hash', sha256((an_appid || who)::bytea)::text,
      'first_seen_at', at, 'last_seen_at', at, 'scope_at', at, 'scope_write', md5(who || at), 'scope', 'snsapi_userinfo') || more),
    jsonb_build_array(pg_temp.event(an_appid, who, at)), '[]', 1, 1000)
$$;
CREATE FUNCTION pg_temp.unionid(value text, at timestamptz) RETURNS jsonb LANGUAGE sql AS $$ SELECT jsonb_build_object('unionid', value, 'unionid_at', at, 'unionid_write', md5(value || at)) $$;

SELECT pg_temp.sign_in('wx1', 'a', at::timestamptz, pg_temp.unionid('U', at::timestamptz)) FROM unnest(ARRAY['2024-01-01 12:00+08', '2024-01-02 12:00+08', '2024-01-08 12:00+08', '2024-01-15 12:00+08']) at;
SELECT pg_temp.sign_in('wx1', 'b', at::timestamptz) FROM unnest(ARRAY['2024-01-03 12:00+08', '2024-01-08 13:00+08']) at;
SELECT pg_temp.sign_in('wx1', 'c', at::timestamptz) FROM unnest(ARRAY['2024-01-07 23:59:59.999999+08', '2024-01-08 00:00+08']) at;
SELECT pg_temp.sign_in('wx1', 'd', '2024-01-10 12:00+08');
-- The link of account 2 came with the second visit.
SELECT pg_temp.sign_in('wx2', 'e', '2024-01-09 12:00+08');
SELECT pg_temp.sign_in('wx2', 'e', '2024-01-31 12:00+08', pg_temp.unionid('U', '2024-01-31 12:00+08'));
-- What counts nowhere but where it is asked for: snapshot visits, failures, a silent try sent on.
SELECT weigate.record_signins('[]', jsonb_build_array(pg_temp.event('wx1', '', at, more)), '[]', 1, 1000) FROM (VALUES
  (timestamptz '2024-01-08 10:00+08', jsonb '{"is_snapshot": true, "outcome": "snapshot_user", "stage": "token"}'), ('2024-01-08 10:01+08', '{"is_snapshot": true, "outcome": "snapshot_user", "stage": "token"}'),
  ('2024-01-08 10:02+08', '{"outcome": "code_rejected", "stage": "token", "errcode": 40029}'), ('2024-01-08 10:03+08', '{"outcome": "code_rejected", "stage": "claim"}'),
  ('2024-01-08 10:04+08', '{"outcome": "upstream_timeout", "stage": "profile"}'), ('2024-01-08 10:05+08', '{"outcome": "escalated", "stage": "profile"}')) e (at, more);

CREATE TEMPORARY VIEW one AS SELECT app_no FROM weigate.app WHERE appid = 'wx1';
CREATE TEMPORARY VIEW two AS SELECT app_no FROM weigate.app WHERE appid = 'wx2';
CREATE FUNCTION pg_temp.roll(from_day date, to_day date) RETURNS void LANGUAGE sql AS $$ SELECT weigate.rollup_day(g::date, app_no) FROM generate_series(from_day, to_day, interval '1 day') g, weigate.app $$;
SET LOCAL search_path = weigate_mart, public, pg_temp;

-- Counted when asked for, before anything was counted ahead; then again from the tables: the same.
SET LOCAL weigate.now = '2024-01-10 20:00+08';
SELECT weigate.mart_refresh_links('2024-01-08');
UPDATE weigate.mart_state SET through_day = '2024-01-08';
CREATE TEMPORARY TABLE live AS SELECT day, app_no, dau, wau7, mau30 FROM active_users WHERE day IN ('2024-01-09', '2024-01-10');
CREATE TEMPORARY TABLE live_new AS SELECT * FROM new_users_daily WHERE day IN ('2024-01-09', '2024-01-10');
CREATE TEMPORARY TABLE live_funnel AS SELECT day, app_no, channel, attempts, reached_token, reached_profile, signed_in, escalated FROM login_funnel_daily WHERE day IN ('2024-01-09', '2024-01-10');
SELECT pg_temp.roll('2024-01-01', '2024-02-06');
SET LOCAL weigate.now = '2024-02-07 09:00+08';
SELECT is(weigate.mart_refresh(), date '2024-01-01', 'the first refresh counts everything');
SELECT is(weigate.mart_refresh(), NULL, 'the next one finds nothing to do');
SELECT bag_eq('SELECT day, app_no, dau, wau7, mau30 FROM active_users WHERE day IN (''2024-01-09'', ''2024-01-10'')', 'SELECT * FROM live', 'active people: counted live equals counted ahead');
SELECT bag_eq('SELECT * FROM new_users_daily WHERE day IN (''2024-01-09'', ''2024-01-10'')', 'SELECT * FROM live_new', 'new people: likewise');
SELECT bag_eq('SELECT day, app_no, channel, attempts, reached_token, reached_profile, signed_in, escalated FROM login_funnel_daily WHERE day IN (''2024-01-09'', ''2024-01-10'')', 'SELECT * FROM live_funnel', 'the funnel: likewise');

SELECT results_eq('SELECT day::text, dau, wau7, mau30 FROM active_users JOIN one USING (app_no) WHERE day IN (''2024-01-07'', ''2024-01-08'', ''2024-01-10'', ''2024-01-14'', ''2024-01-30'', ''2024-02-06'') ORDER BY day',
  $$ VALUES ('2024-01-07', 1, 3, 3), ('2024-01-08', 3, 3, 3), ('2024-01-10', 1, 4, 4), ('2024-01-14', 0, 4, 4), ('2024-01-30', 0, 0, 4), ('2024-02-06', 0, 0, 4) $$, 'rolling windows by hand');
SELECT results_eq('SELECT day::text, dau, wau7, mau30 FROM active_users WHERE app_no = 0 AND day IN (''2024-01-09'', ''2024-01-31'') ORDER BY day',
  $$ VALUES ('2024-01-09', 1, 3, 3), ('2024-01-31', 1, 1, 4) $$, 'over all accounts the person of two accounts counts once');
SELECT is_empty($$ SELECT a.day, a.app_no FROM active_users a WHERE a.app_no > 0 AND a.mau30 <> (SELECT count(DISTINCT d.profile_no) FROM weigate.user_day d WHERE d.app_no = a.app_no AND d.day BETWEEN a.day - 29 AND a.day) $$,
  'rolling MAU equals count distinct on every day');
SELECT is_empty('SELECT * FROM active_users WHERE dau > wau7 OR wau7 > mau30', 'DAU <= WAU <= MAU');
SELECT results_eq('SELECT day::text, login_count FROM weigate.user_day JOIN weigate.subject USING (profile_no) JOIN weigate.profile_activity USING (profile_no) WHERE openid = ''c'' ORDER BY day',
  $$ VALUES ('2024-01-07', 2::bigint), ('2024-01-08', 2) $$, 'a microsecond before midnight in Shanghai is another day');

SELECT results_eq('SELECT day::text, sum(new_users) FROM new_users_daily JOIN one USING (app_no) GROUP BY 1 ORDER BY 1',
  $$ VALUES ('2024-01-01', 1::bigint), ('2024-01-03', 1), ('2024-01-07', 1), ('2024-01-10', 1) $$, 'new people by hand');
SELECT is((SELECT sum(new_users) FROM new_users_daily WHERE app_no = 0), (SELECT count(*) FROM people), 'the sum of new people is the number of people');
SELECT results_eq('SELECT cohort_week::text, week_no, cohort_users, retained_users FROM retention_weekly JOIN one USING (app_no) WHERE week_no <= 2 ORDER BY 1, 2',
  $$ VALUES ('2024-01-01', 0, 3, 3), ('2024-01-01', 1, 3, 3), ('2024-01-01', 2, 3, 1), ('2024-01-08', 0, 1, 1), ('2024-01-08', 1, 1, 0), ('2024-01-08', 2, 1, 0) $$, 'weekly retention by hand, weeks in which nobody came included');
SELECT results_eq('SELECT day_n, retained_users FROM retention_day_n JOIN one USING (app_no) WHERE cohort_day = ''2024-01-01'' AND day_n IN (1, 2, 7, 14, 30) ORDER BY 1',
  $$ VALUES (1, 1), (2, 0), (7, 1), (14, 1), (30, 0) $$, 'day-n retention by hand');
SELECT results_eq('SELECT week::text, active_users, new_users, retained_users, resurrected_users, churned_users FROM growth_accounting_weekly JOIN one USING (app_no) WHERE week <= ''2024-01-22'' ORDER BY 1',
  $$ VALUES ('2024-01-01', 3, 3, 0, 0, 0), ('2024-01-08', 4, 1, 3, 0, 0), ('2024-01-15', 1, 0, 1, 0, 3), ('2024-01-22', 0, 0, 0, 0, 1) $$, 'growth accounting by hand');
SELECT is((SELECT resurrected_users FROM growth_accounting_weekly WHERE app_no = 0 AND week = '2024-01-29'), 1, 'who comes back in another account is resurrected over all accounts');
SELECT is_empty('SELECT g.week, g.app_no FROM growth_accounting_weekly g JOIN growth_accounting_weekly b ON b.app_no = g.app_no AND b.week = g.week - 7 WHERE g.active_users <> b.active_users + g.net_change', 'a week''s active is the last week''s and the net change');

SELECT results_eq('SELECT attempts, reached_token, reached_profile, signed_in, escalated FROM login_funnel_daily JOIN one USING (app_no) WHERE day = ''2024-01-08''', $$ VALUES (6::bigint, 5::bigint, 4::bigint, 3::bigint, 1::bigint) $$, 'the funnel by hand');
SELECT is_empty('SELECT * FROM login_funnel_daily WHERE attempts < reached_token OR reached_token < reached_profile OR reached_profile < signed_in', 'its stages only become fewer');
SELECT is((SELECT sum(errors) FROM login_errors), (SELECT sum(attempts - signed_in) FROM login_funnel_daily), 'errors are the attempts that did not end well');
SELECT results_eq('SELECT visits, snapshot_visits FROM snapshot_share_daily JOIN one USING (app_no) WHERE day = ''2024-01-08''', $$ VALUES (6::bigint, 2::bigint) $$, 'snapshot visits are shown where they are asked for');
SELECT is((SELECT count(*) FROM people), 4::bigint, 'and are nobody');
SELECT is((SELECT sum(logins) FROM login_heatmap), (SELECT sum(signed_in) FROM login_funnel_daily)::numeric, 'the heat map adds up to the sign-ins');
SELECT is((SELECT sum(logins) FROM scope_mix_daily), (SELECT sum(signed_in) FROM login_funnel_daily)::numeric, 'and so do scopes');
SELECT results_eq('SELECT weekday, hour::integer, logins FROM login_heatmap JOIN one USING (app_no) WHERE hour IN (0, 23) ORDER BY 1', $$ VALUES (1, 0, 1::bigint), (7, 23, 1) $$, 'hours and weekdays are the account''s');
SELECT results_eq('SELECT days_dormant, login_days, login_count FROM dormant_users JOIN one USING (app_no) ORDER BY last_login_day DESC LIMIT 1', $$ VALUES (23, 4, 4::bigint) $$, 'days dormant count from the last sign-in');
SELECT results_eq('SELECT active_days, users FROM l28_histogram JOIN one USING (app_no)', $$ VALUES (1, 2) $$, 'of the 28 days to 6 February d and a had one each');

-- The link that came on 31 January joins the past in people; as recorded there were five until then.
SELECT results_eq('SELECT accounts, login_count FROM people ORDER BY 2 DESC LIMIT 1', $$ VALUES (2, 6::bigint) $$, 'people are merged by unionid');
SELECT is((SELECT count(DISTINCT recorded_person_no) FROM people_as_recorded WHERE valid_from <= '2024-01-30' AND (valid_to > '2024-01-30' OR valid_to IS NULL)), 5::bigint, 'as recorded, before the link');
SELECT is((SELECT count(DISTINCT recorded_person_no) FROM people_as_recorded WHERE valid_from <= '2024-02-01' AND (valid_to > '2024-02-01' OR valid_to IS NULL)), 4::bigint, 'as recorded, after it');
SELECT results_eq('SELECT day::text, is_merge FROM person_link_changes ORDER BY 1', $$ VALUES ('2024-01-01', false), ('2024-01-31', true) $$, 'the merge is listed');
SELECT results_eq('SELECT people_in_both, people_in_a, people_in_b FROM app_overlap JOIN one ON app_no_a = app_no', $$ VALUES (1, 4, 1) $$, 'the overlap by hand');
SELECT is_empty('SELECT * FROM data_quality WHERE is_good = false AND check_name <> ''months_ahead''', 'no check of the store''s own fails');

-- A late event changes the past, and only the past from there on is counted anew.
SELECT pg_temp.sign_in('wx1', 'b', '2024-02-01 12:00+08');
SELECT pg_temp.roll('2024-02-01', '2024-02-01');
SELECT is(weigate.mart_refresh(), date '2024-02-01', 'late data is found and counted from its day on');
SELECT is((SELECT mau30 FROM active_users JOIN one USING (app_no) WHERE day = '2024-02-05'), 4, 'and the windows hold it');
SELECT is((SELECT wau7 FROM active_users JOIN one USING (app_no) WHERE day = '2024-02-05'), 1, 'and the windows hold it');

-- An erasure: the numbers stand, before and after everything is counted anew; nothing of the person is left.
CREATE TEMPORARY TABLE before_active AS SELECT day, app_no, dau, wau7, mau30 FROM active_users WHERE app_no > 0;
CREATE TEMPORARY TABLE before_new AS SELECT day, app_no, channel, new_users FROM new_users_daily WHERE app_no > 0;
CREATE TEMPORARY TABLE before_growth AS SELECT * FROM growth_accounting_weekly WHERE app_no > 0;
CREATE TEMPORARY TABLE before_retention AS SELECT * FROM retention_weekly WHERE app_no > 0;
CREATE TEMPORARY TABLE before_day_n AS SELECT * FROM retention_day_n WHERE app_no > 0;
CREATE TEMPORARY TABLE before_funnel AS SELECT * FROM login_funnel_daily;
CREATE TEMPORARY TABLE before_l28 AS SELECT * FROM l28_histogram;
CREATE TEMPORARY TABLE gone AS SELECT profile_no FROM weigate.subject WHERE appid = 'wx1' AND openid = 'a';
SELECT weigate.erase_people(jsonb_build_array(jsonb_build_object('i', 0, 'appid', 'wx1', 'openid', 'a', 'key_hash', sha256('wx1a')::text, 'erased_at', '2024-02-07 09:00+08', 'erased_write', md5('e'))), 1, 1000);
CREATE FUNCTION pg_temp.numbers_stand(wording text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN NEXT bag_eq('SELECT day, app_no, dau, wau7, mau30 FROM active_users WHERE app_no > 0', 'SELECT * FROM before_active', 'active people stand ' || wording);
  RETURN NEXT bag_eq('SELECT day, app_no, channel, new_users FROM new_users_daily WHERE app_no > 0', 'SELECT * FROM before_new', 'new people stand ' || wording);
  RETURN NEXT bag_eq('SELECT * FROM growth_accounting_weekly WHERE app_no > 0', 'SELECT * FROM before_growth', 'growth stands ' || wording);
  RETURN NEXT bag_eq('SELECT * FROM retention_weekly WHERE app_no > 0', 'SELECT * FROM before_retention', 'weekly retention stands ' || wording);
  RETURN NEXT bag_eq('SELECT * FROM retention_day_n WHERE app_no > 0', 'SELECT * FROM before_day_n', 'day-n retention stands ' || wording);
  RETURN NEXT bag_eq('SELECT * FROM login_funnel_daily', 'SELECT * FROM before_funnel', 'the funnel stands ' || wording);
  RETURN NEXT bag_eq('SELECT * FROM l28_histogram', 'SELECT * FROM before_l28', 'L28 stands ' || wording);
END $$;
SELECT * FROM pg_temp.numbers_stand('after an erasure');
SELECT weigate.mart_refresh(true);
SELECT * FROM pg_temp.numbers_stand('after an erasure, counted anew');
SELECT is_empty('SELECT profile_no FROM people_names_pii JOIN gone USING (profile_no) UNION ALL SELECT profile_no FROM dormant_users JOIN gone USING (profile_no) UNION ALL SELECT profile_no FROM profile_versions JOIN gone USING (profile_no)
  UNION ALL SELECT profile_no FROM people_as_recorded JOIN gone USING (profile_no) UNION ALL SELECT p.profile_no FROM weigate.person_link p JOIN gone ON gone.profile_no IN (p.profile_no, p.person_no)
  UNION ALL SELECT profile_no FROM profile_changes JOIN gone USING (profile_no) UNION ALL SELECT person_no FROM people JOIN gone ON person_no = profile_no UNION ALL SELECT profile_no FROM person_link_changes JOIN gone USING (profile_no)',
  'nothing of the person is left in any view');
SELECT is((SELECT value FROM data_quality JOIN one USING (app_no) WHERE check_name = 'erased_people'), 1::numeric, 'that somebody was erased is counted');
SELECT is_empty('SELECT * FROM data_quality WHERE is_good = false AND check_name <> ''months_ahead''', 'and the numbers still agree');

SELECT * FROM finish();
ROLLBACK;
