-- SPDX-License-Identifier: Apache-2.0
-- Fills an empty store with a year of virtual history that ends with yesterday. For demos, tests and measuring; nobody in it is real.
--   psql -d weigate -v people=10000 -v seed=1 -v today=2026-07-01 -f history.sql
-- The same numbers give the same history: every random number is a hash of the seed, who it is for, and what it decides.
--   people  profiles, about; events are about 12 for each    seed  any number    today  the day after the last one
-- Three accounts of one Open Platform account (a bookshop's, its café's, its website), people known in several, growth with campaigns, a
-- weekly and a daily rhythm, churn; people imported from before October 2021 with gender and region, some of whom never come back; snapshot
-- visitors, failures with errcodes, one evening on which WeChat was out, one morning with a wrong AppSecret; links that arrive later, changed
-- nicknames, tokens about to expire. Needs the owner's rights. key_hash is a stand-in, since PostgreSQL has no BLAKE2b.
\set ON_ERROR_STOP on
\set QUIET on
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL work_mem = '128MB';
SET LOCAL TimeZone = 'Asia/Shanghai';
SET LOCAL jit = off;
DO $$ BEGIN IF EXISTS (SELECT FROM weigate.subject) THEN RAISE EXCEPTION 'the store is not empty: virtual people are not mixed with others'; END IF; END $$;

-- A number in [0, 1), always the same for the same key and purpose; and an id likewise.
CREATE FUNCTION pg_temp.chance(key bigint, purpose bigint) RETURNS double precision LANGUAGE sql IMMUTABLE
  RETURN (hashint8extended(key, purpose + :seed * 1000::bigint) & 9007199254740991) / 9007199254740992.0::double precision;
CREATE FUNCTION pg_temp.id(key bigint, purpose bigint) RETURNS uuid LANGUAGE sql IMMUTABLE
  RETURN (lpad(to_hex(hashint8extended(key, purpose + :seed * 1000::bigint)), 16, '0') || lpad(to_hex(hashint8extended(key, purpose + 500 + :seed * 1000::bigint)), 16, '0'))::uuid;
-- A word of an array, and an hour of the day: quiet nights, peaks at noon and in the evening.
CREATE FUNCTION pg_temp.pick(words text[], at double precision) RETURNS text LANGUAGE sql IMMUTABLE
  RETURN words[1 + floor(at * cardinality(words))::integer];
CREATE FUNCTION pg_temp.hour_of(at double precision) RETURNS integer LANGUAGE sql IMMUTABLE
  RETURN (ARRAY[0,0,1,6,7,7,7,8,8,8,8,8,9,9,9,9,9,10,10,10,10,10,11,11,11,11,11,12,12,12,12,12,12,12,13,13,13,13,13,14,14,14,14,15,15,15,15,16,16,16,16,17,17,17,17,17,
    18,18,18,18,18,18,19,19,19,19,19,19,19,20,20,20,20,20,20,20,20,21,21,21,21,21,21,21,21,21,22,22,22,22,22,22,22,23,23,23,23,23,0,1])[1 + floor(at * 100)::integer];

INSERT INTO weigate.app (appid, display_name, open_platform_id) VALUES
  ('wx5eed000000000001', '有光书店', 'op-youguang'), ('wx5eed000000000002', '有光咖啡', 'op-youguang'), ('wx5eed000000000003', '有光书店网站', 'op-youguang')
  ON CONFLICT (appid) DO UPDATE SET display_name = excluded.display_name, open_platform_id = excluded.open_platform_id;

-- Who is in which account, from when to when, and how eagerly. kind 0: imported, first seen before October 2021.
CREATE TEMPORARY TABLE member ON COMMIT DROP AS
WITH human AS (
  SELECT h, pg_temp.chance(h, 1) AS a, pg_temp.chance(h, 2) AS b, pg_temp.chance(h, 3) AS c, pg_temp.chance(h, 4) < 0.18 AS is_old,
      CASE WHEN pg_temp.chance(h, 5) < 0.10 THEN (ARRAY[133, 134, 240, 241, 242, 352, 353])[1 + floor(pg_temp.chance(h, 6) * 7)::integer]
        ELSE floor(365 * pg_temp.chance(h, 6) ^ 0.7)::integer END AS joins
    FROM generate_series(1, ceil(:people / 1.31)::bigint) h
), place AS (
  SELECT h, 1 AS n, is_old, joins FROM human WHERE a < 0.78 OR (b >= 0.33 AND c >= 0.18)
  UNION ALL SELECT h, 2, false, joins + floor(60 * pg_temp.chance(h, 7) ^ 2)::integer FROM human WHERE b < 0.33
  UNION ALL SELECT h, 3, false, joins + floor(90 * pg_temp.chance(h, 8) ^ 2)::integer FROM human WHERE c < 0.18
), lived AS (
  SELECT h, n, h * 4 + n AS k, is_old, joins, :'today'::date - 365 + joins AS first_day,
      CASE WHEN pg_temp.chance(h * 4 + n, 10) < 0.33 THEN 1 ELSE least(365 - joins, 1 + floor(-130 * ln(1 - pg_temp.chance(h * 4 + n, 11)))::integer) END AS life,
      least(0.85, 0.062 * (1 - pg_temp.chance(h * 4 + n, 12)) ^ -0.62) AS rate, pg_temp.chance(h * 4 + n, 13) < 0.72 OR n = 3 AS has_profile
    FROM place WHERE joins < 365
)
SELECT row_number() OVER (ORDER BY is_old DESC, joins, k) AS profile_no, a.app_no, l.*,
    CASE WHEN is_old AND pg_temp.chance(k, 14) < 0.35 THEN 0 ELSE 1 + floor(rate * life * (1.05 + pg_temp.chance(k, 15)))::integer END AS visits,
    CASE WHEN is_old THEN (date '2019-03-01' + floor(930 * pg_temp.chance(k, 16))::integer)::timestamp AT TIME ZONE 'Asia/Shanghai' + pg_temp.chance(k, 17) * interval '14 hours' END AS old_at
  FROM lived l JOIN weigate.app a ON a.appid = 'wx5eed00000000000' || l.n;
CREATE UNIQUE INDEX ON member (profile_no);
ANALYZE member;

SELECT weigate.partition_make(p.parent, (:'today'::date - 365 + m * 28)::date) FROM (VALUES ('login_event'), ('user_day')) p (parent), generate_series(0, 17) m \g /dev/null

-- Visits: more at the beginning than later, at the weekend rather than on Tuesday and Wednesday; now and then twice a day.
CREATE TEMPORARY TABLE visit ON COMMIT DROP AS
WITH raw AS (
  SELECT m.profile_no, m.app_no, m.n, m.has_profile, v, m.profile_no * 1024 + v AS k,
      m.first_day + CASE WHEN v = 1 THEN 0 ELSE floor(m.life * pg_temp.chance(m.profile_no * 1024 + v, 20) ^ 1.25)::integer END AS day
    FROM member m CROSS JOIN LATERAL generate_series(1, least(m.visits, 600)) v
), shifted AS (
  SELECT *, CASE WHEN v > 1 AND extract(isodow FROM day) IN (2, 3) AND pg_temp.chance(k, 21) < 0.3 THEN least(day + 6 - extract(isodow FROM day)::integer, :'today'::date - 1) ELSE day END AS on_day FROM raw
)
SELECT profile_no, app_no, n, has_profile, v, k, on_day,
    on_day::timestamp AT TIME ZONE 'Asia/Shanghai' + make_interval(hours => pg_temp.hour_of(pg_temp.chance(k, 22)), secs => 3600 * pg_temp.chance(k, 23)) AS at FROM shifted;
CREATE INDEX ON visit (profile_no);
ANALYZE visit;

CREATE TEMPORARY TABLE seen ON COMMIT DROP AS
  SELECT m.*, coalesce(m.old_at, s.first_at) AS first_at, coalesce(s.last_at, m.old_at) AS last_at, s.last_at AS last_login_at,
      CASE WHEN NOT m.has_profile THEN NULL WHEN m.n < 3 AND pg_temp.chance(m.k, 30) < 0.3 THEN coalesce(m.old_at, s.first_at) + (s.last_at - coalesce(m.old_at, s.first_at)) * pg_temp.chance(m.k, 31)
        ELSE coalesce(m.old_at, s.first_at) END AS link_at,
      CASE WHEN m.has_profile AND pg_temp.chance(m.k, 32) < 0.2 AND s.last_at > s.first_at THEN s.first_at + (s.last_at - s.first_at) * (0.2 + 0.8 * pg_temp.chance(m.k, 33)) END AS renamed_at,
      'o6_' || translate(left(encode(sha256(('union' || :seed || ' ' || m.h)::bytea), 'base64'), 25), '+/', '-_') AS unionid
    FROM member m LEFT JOIN (SELECT profile_no, min(at) AS first_at, max(at) AS last_at FROM visit GROUP BY profile_no) s USING (profile_no);

CREATE FUNCTION pg_temp.nickname(k bigint, turn integer) RETURNS text LANGUAGE sql IMMUTABLE RETURN
  CASE WHEN pg_temp.chance(k, 40 + turn) < 0.5
    THEN pg_temp.pick('{王,李,张,刘,陈,杨,赵,黄,周,吴,徐,孙,胡,朱,高,林,何,郭,马,罗}', pg_temp.chance(k, 42 + turn)) || pg_temp.pick('{小雨,子涵,欣怡,浩然,梓萱,宇轩,诗涵,志强,建国,秀英,丽华,晓明,雪梅,佳琪,文博}', pg_temp.chance(k, 44 + turn))
    ELSE pg_temp.pick('{爱吃,想去,不是,今天也要,在路上的,会飞的,安静的,晚睡的,看云的,一颗}', pg_temp.chance(k, 42 + turn)) || pg_temp.pick('{小鹿,柠檬,猫,汤圆,海风,向日葵,小熊,月亮🌙,橘子🍊,书虫📚,咖啡☕,拾光}', pg_temp.chance(k, 44 + turn)) END;

INSERT INTO weigate.subject (appid, openid, profile_no, key_hash) OVERRIDING SYSTEM VALUE
  SELECT 'wx5eed00000000000' || n, 'o' || translate(left(encode(sha256(('open' || :seed || ' ' || k)::bytea), 'base64'), 27), '+/', '-_'), profile_no, sha256(('key' || :seed || ' ' || k)::bytea) FROM seen
  WHERE first_at IS NOT NULL;
SELECT setval('weigate.profile_no', (SELECT max(profile_no) FROM member)) \g /dev/null

INSERT INTO weigate.profile (profile_no, app_no, first_seen_at, last_seen_at, profile_at, profile_write, nickname, headimgurl, privilege, language, raw, scope_at, scope_write, scope,
    unionid_at, unionid_write, unionid, sex_at, sex_write, sex, region_at, region_write, province, city, country, changed_at)
  SELECT profile_no, app_no, first_at, last_at, CASE WHEN has_profile THEN last_at END, CASE WHEN has_profile THEN w.id END,
      CASE WHEN has_profile THEN pg_temp.nickname(k, (renamed_at IS NOT NULL)::integer) END, CASE WHEN has_profile THEN 'https://thirdwx.qlogo.cn/mmopen/virtual/' || k || '/132' END,
      CASE WHEN has_profile THEN CASE WHEN pg_temp.chance(k, 60) < 0.02 THEN '["chinaunicom"]' ELSE '[]' END END, CASE WHEN has_profile THEN 'zh_CN' END, CASE WHEN has_profile THEN '' END,
      last_at, w.id, CASE n WHEN 3 THEN 'snsapi_login' WHEN 2 THEN CASE WHEN has_profile THEN 'snsapi_userinfo' ELSE 'snsapi_base' END ELSE CASE WHEN has_profile THEN 'snsapi_userinfo' ELSE 'snsapi_base' END END,
      CASE WHEN link_at IS NOT NULL THEN last_at END, CASE WHEN link_at IS NOT NULL THEN w.id END, CASE WHEN link_at IS NOT NULL THEN unionid END,
      g.sex_at, CASE WHEN g.sex_at IS NOT NULL THEN w.id END, CASE WHEN g.sex_at IS NOT NULL THEN 1 + (pg_temp.chance(k, 61) < 0.58)::integer END,
      g.region_at, CASE WHEN g.region_at IS NOT NULL THEN w.id END, CASE WHEN g.region_at IS NOT NULL THEN split_part(g.region, '/', 1) END,
      CASE WHEN g.region_at IS NOT NULL THEN split_part(g.region, '/', 2) END, CASE WHEN g.region_at IS NOT NULL THEN '中国' END, last_at
    FROM seen CROSS JOIN LATERAL (SELECT pg_temp.id(k, 62) AS id) w
    CROSS JOIN LATERAL (SELECT CASE WHEN is_old AND pg_temp.chance(k, 63) < 0.93 THEN old_at END AS sex_at, CASE WHEN is_old AND pg_temp.chance(k, 64) < 0.8 THEN old_at END AS region_at,
      pg_temp.pick('{广东/广州,广东/深圳,广东/佛山,上海/浦东新区,上海/徐汇,北京/海淀,北京/朝阳,浙江/杭州,浙江/宁波,江苏/南京,江苏/苏州,四川/成都,湖北/武汉,湖南/长沙,福建/厦门,山东/青岛,陕西/西安,河南/郑州,重庆/渝中,云南/昆明}',
        pg_temp.chance(k, 65) ^ 1.6) AS region) g
    WHERE first_at IS NOT NULL;

-- Versions: the first, the one with the unionid where it came later, the one with the new nickname.
INSERT INTO weigate.profile_history (profile_no, observed_at, write_id, recorded_at, changed_fields, nickname, headimgurl, privilege, language, scope, unionid, sex, province, city, country)
  SELECT p.profile_no, v.at, pg_temp.id(s.k, 70 + v.turn), v.at + interval '300 ms', CASE v.turn WHEN 0 THEN array_remove(ARRAY[CASE WHEN s.has_profile THEN 'nickname' END, CASE WHEN s.has_profile THEN 'headimgurl' END,
        CASE WHEN s.has_profile THEN 'privilege' END, CASE WHEN s.has_profile THEN 'language' END, 'scope', CASE WHEN v.at >= s.link_at THEN 'unionid' END, CASE WHEN p.sex IS NOT NULL THEN 'sex' END,
        CASE WHEN p.city IS NOT NULL THEN 'province' END, CASE WHEN p.city IS NOT NULL THEN 'city' END, CASE WHEN p.city IS NOT NULL THEN 'country' END], NULL)
      WHEN 1 THEN ARRAY['unionid'] ELSE ARRAY['nickname'] END,
      CASE WHEN s.has_profile THEN pg_temp.nickname(s.k, (v.at >= s.renamed_at IS TRUE)::integer) END, p.headimgurl, p.privilege, p.language, p.scope, CASE WHEN v.at >= s.link_at THEN p.unionid END, p.sex, p.province, p.city, p.country
    FROM seen s JOIN weigate.profile p USING (profile_no)
    CROSS JOIN LATERAL (VALUES (0, s.first_at), (1, CASE WHEN s.link_at > s.first_at THEN s.link_at END), (2, s.renamed_at)) v (turn, at) WHERE v.at IS NOT NULL;

INSERT INTO weigate_secret.token (profile_no, token_at, token_write, sealed, access_expires_us, refresh_expires_us)
  SELECT profile_no, last_login_at, pg_temp.id(k, 80), sha256(('sealed' || k)::bytea), (extract(epoch FROM last_login_at) * 1000000)::bigint + 7200000000, (extract(epoch FROM last_login_at) * 1000000)::bigint + 2592000000000
    FROM seen WHERE has_profile AND last_login_at > :'today'::timestamp AT TIME ZONE 'Asia/Shanghai' - interval '40 days';

-- Completed sign-ins.
INSERT INTO weigate.login_event (event_at, event_id, app_no, profile_no, event_day, is_login, is_snapshot, outcome, stage, errcode, latency_ms, scope, channel, network, node, recorded_at)
  SELECT at, pg_temp.id(k, 90), app_no, profile_no, on_day, true, false, 'signed_in', 'done', 0, (140 - 190 * ln(1 - pg_temp.chance(k, 91)) + CASE WHEN n = 3 THEN 60 ELSE 0 END)::bigint,
      CASE WHEN n = 3 THEN 'snsapi_login' WHEN has_profile AND (v = 1 OR pg_temp.chance(k, 92) < 0.15) THEN 'snsapi_userinfo' ELSE 'snsapi_base' END,
      CASE WHEN n = 3 THEN 'qrconnect' WHEN pg_temp.chance(profile_no, 93) < 0.12 THEN 'qr' WHEN n = 1 AND pg_temp.chance(k, 94) < 0.06 THEN 'spa' ELSE 'wechat' END,
      pg_temp.pick('{192.0.2.0/24,198.51.100.0/24,203.0.113.0/24,2001:db8:1::/48,2001:db8:2::/48}', pg_temp.chance(profile_no, 95)), CASE WHEN pg_temp.chance(k, 96) < 0.5 THEN 'web1' ELSE 'web2' END,
      at + (0.03 + 0.4 * pg_temp.chance(k, 97)) * interval '1 second' + CASE WHEN on_day = :'today'::date - 100 AND extract(hour FROM at) = 20 THEN interval '40 minutes' ELSE interval '0' END
    FROM visit;

-- What failed, and who was virtual: beside some of them. An outage 100 days ago in the evening, a wrong AppSecret 60 days ago, from eight to ten.
INSERT INTO weigate.login_event (event_at, event_id, app_no, profile_no, event_day, is_login, is_snapshot, outcome, stage, errcode, latency_ms, scope, channel, network, node, recorded_at)
  SELECT v.at - interval '21 seconds' * pg_temp.chance(k, 101), pg_temp.id(k, 102), v.app_no, NULL, (v.at - interval '21 seconds' * pg_temp.chance(k, 101))::date, false, f.is_snapshot, f.outcome, f.stage, f.errcode,
      CASE WHEN f.outcome = 'upstream_timeout' THEN 8000 ELSE (30 - 110 * ln(1 - pg_temp.chance(k, 103)))::bigint END, f.scope, CASE WHEN v.n = 3 THEN 'qrconnect' WHEN pg_temp.chance(k, 104) < 0.12 THEN 'qr' ELSE 'wechat' END,
      '198.51.100.0/24', 'web1', v.at + interval '1 second'
    FROM (SELECT *, pg_temp.chance(k, 100) AS dice FROM visit) v CROSS JOIN LATERAL (
      SELECT * FROM (VALUES
        (0, 0.70, on_day = :'today'::date - 100 AND extract(hour FROM at) IN (19, 20, 21), false, 'upstream_unavailable', 'token', -1, ''),
        (0, 0.70, on_day = :'today'::date - 60 AND extract(hour FROM at) IN (8, 9), false, 'account_misconfigured', 'token', 40125, ''),
        (0, 0.012, true, false, 'code_rejected', 'token', 40029, ''), (0.012, 0.018, true, false, 'code_rejected', 'token', 40163, ''), (0.018, 0.023, true, false, 'upstream_timeout', 'token', 0, ''),
        (0.023, 0.027, true, false, 'upstream_unavailable', 'token', -1, ''), (0.027, 0.0285, true, false, 'blocked', 'token', 40226, ''), (0.0285, 0.031, true, false, 'upstream_timeout', 'profile', 0, 'snsapi_userinfo'),
        (0.031, 0.032, true, false, 'upstream_quota', 'profile', 45011, 'snsapi_userinfo'), (0.032, 0.034, true, false, 'code_rejected', 'claim', 0, ''), (0.034, 0.060, n < 3, false, 'escalated', 'profile', 0, 'snsapi_base'),
        (0.060, 0.060 + 0.05 * (on_day - (:'today'::date - 365)) / 365, n < 3, true, 'snapshot_user', 'token', 0, 'snsapi_userinfo')) f (low, high, applies, is_snapshot, outcome, stage, errcode, scope)
      WHERE f.applies AND v.dice >= f.low AND v.dice < f.high LIMIT 1) f
    WHERE v.dice < 0.11 OR v.on_day IN (:'today'::date - 100, :'today'::date - 60);

INSERT INTO weigate.user_day (day, app_no, profile_no, logins, last_login_at, is_first)
  SELECT event_day, app_no, profile_no, count(*), max(event_at), event_day = min(event_day) OVER (PARTITION BY profile_no) FROM weigate.login_event WHERE is_login GROUP BY 1, 2, 3;
INSERT INTO weigate.profile_activity (profile_no, app_no, last_login_at, first_login_day, last_login_day, login_count, login_days, days60)
  SELECT profile_no, app_no, max(last_login_at), min(day), l.last_day, sum(logins), count(*), bit_or(CASE WHEN l.last_day - day < 60 THEN 1::bigint << (l.last_day - day) ELSE 0 END)
    FROM weigate.user_day d JOIN (SELECT profile_no, max(day) AS last_day FROM weigate.user_day GROUP BY 1) l USING (profile_no) GROUP BY profile_no, app_no, l.last_day;
INSERT INTO weigate.daily_rollup (day, app_no, dau, new_people, logins, failures, snapshot_visits)
  SELECT g::date, a.app_no, coalesce(d.dau, 0), coalesce(d.new_people, 0), coalesce(d.logins, 0), coalesce(e.failures, 0), coalesce(e.snapshots, 0)
    FROM weigate.app a CROSS JOIN generate_series(:'today'::date - 365, :'today'::date - 1, interval '1 day') g
    LEFT JOIN (SELECT day, app_no, count(*) AS dau, count(*) FILTER (WHERE is_first) AS new_people, sum(logins) AS logins FROM weigate.user_day GROUP BY 1, 2) d ON d.day = g::date AND d.app_no = a.app_no
    LEFT JOIN (SELECT event_day, app_no, count(*) FILTER (WHERE NOT is_login AND NOT is_snapshot) AS failures, count(*) FILTER (WHERE is_snapshot) AS snapshots FROM weigate.login_event GROUP BY 1, 2) e
      ON e.event_day = g::date AND e.app_no = a.app_no
    WHERE a.appid LIKE 'wx5eed%';

-- Requests of people, as the privacy officer logs them.
INSERT INTO weigate.privacy_request (kind, key_hash, received_at, due_at, done_at, outcome)
  SELECT pg_temp.pick('{erase,erase,copy,access}', pg_temp.chance(n, 110)), sha256(('request' || n)::bytea), r.at, r.at + interval '15 days',
      CASE WHEN r.at < :'today'::timestamptz - interval '12 days' THEN r.at + (1 + 9 * pg_temp.chance(n, 111)) * interval '1 day' END, CASE WHEN r.at < :'today'::timestamptz - interval '12 days' THEN 'done' ELSE '' END
    FROM generate_series(1, 24) n CROSS JOIN LATERAL (SELECT :'today'::timestamptz - n * interval '13 days' + pg_temp.chance(n, 112) * interval '5 days' AS at) r;
COMMIT;
ANALYZE weigate.subject, weigate.profile, weigate.profile_activity, weigate.profile_history, weigate.login_event, weigate.user_day, weigate.daily_rollup, weigate_secret.token;
