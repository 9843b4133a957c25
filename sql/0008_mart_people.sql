-- SPDX-License-Identifier: Apache-2.0
-- weigate_mart, who: questions 5, 8 and 10. Nothing here names anybody; the one view that does ends in _pii and is granted separately.

-- Joins that give one row or none, so that a question pays only for the columns it names.
CREATE VIEW weigate_mart.people AS
  SELECT p.profile_no AS person_no, 1 AS accounts, ARRAY[p.app_no] AS app_nos, (p.first_seen_at AT TIME ZONE (SELECT l.time_zone FROM weigate.app l WHERE l.app_no = p.app_no))::date AS first_seen_day,
      a.last_login_day, coalesce(a.login_count, 0) AS login_count, coalesce(a.login_days, 0) AS login_days, p.unionid IS NOT NULL AS has_unionid
    FROM weigate.profile p LEFT JOIN weigate.profile_activity a ON a.profile_no = p.profile_no
    WHERE NOT EXISTS (SELECT FROM weigate.person_link k WHERE k.profile_no = p.profile_no)
  UNION ALL
  SELECT k.person_no, count(*)::integer, array_agg(k.app_no ORDER BY k.app_no), min((p.first_seen_at AT TIME ZONE (SELECT l.time_zone FROM weigate.app l WHERE l.app_no = p.app_no))::date),
      max(a.last_login_day), coalesce(sum(a.login_count), 0)::bigint, coalesce(sum(a.login_days), 0)::integer, true
    FROM weigate.person_link k LEFT JOIN weigate.profile p ON p.profile_no = k.profile_no LEFT JOIN weigate.profile_activity a ON a.profile_no = k.profile_no
    GROUP BY k.person_no;
SELECT weigate.mart_explain('people', 'Question 5: how many distinct people do we know across all accounts? One row per person: profiles of several accounts with the same unionid inside one Open Platform account (开放平台) are one person, by the links known today; everybody else is one person per account. count(*) is the number of people. This is the restated view: a link that arrives today also joins the past; people_as_recorded shows what was known at a time. Caveats: without a unionid (only snsapi_base granted, or the account not bound to the Open Platform) nobody can be recognised across accounts; links are those of the last maintenance (data_freshness.counted_at); never merge by nickname or picture. Erased people are not in it.',
  'accounts', 'Number of accounts the person is known in.', 'app_nos', 'Which ones.', 'first_seen_day', 'Day the person was first seen in any of them; may lie before weigate, for people who were imported.',
  'last_login_day', 'Latest day with a completed sign-in; NULL: never signed in here.', 'login_count', 'Completed sign-ins, ever, over all accounts.',
  'login_days', 'Days with a sign-in, added up over accounts: a day in two accounts counts twice.', 'has_unionid', 'WeChat told a unionid, so the person can be recognised in other accounts.');

CREATE VIEW weigate_mart.people_as_recorded AS
  SELECT k.recorded_person_no, coalesce(n.person_no, k.profile_no) AS person_no, k.profile_no, k.app_no, l.app, k.link_no > 0 AS is_linked, k.valid_from, k.valid_to
    FROM weigate.link_period k JOIN weigate.app_label l USING (app_no) LEFT JOIN weigate.person_link n ON n.profile_no = k.profile_no;
SELECT weigate.mart_explain('people_as_recorded', 'Question 5, as recorded: how many people did we believe to have at a time? One row per profile and period in which what was known of its link to a person did not change. The people known at a time t: count(DISTINCT recorded_person_no) WHERE valid_from <= t AND (valid_to > t OR valid_to IS NULL). The twin view people uses today''s links for all times; the difference is what later links have restated. Caveats: periods follow observed time (when WeChat said so); erased people have left the past too; use a time at the end of a day, such as ''2026-07-01 00:00+08''.',
  'recorded_person_no', 'The person as known in this period: count these. Not comparable with person_no.', 'person_no', 'The person by today''s links, as in people.',
  'is_linked', 'A unionid was known in this period.', 'valid_from', 'Begin of the period.', 'valid_to', 'End of the period (exclusive); NULL: it still holds.');

CREATE VIEW weigate_mart.person_link_changes AS
  SELECT k.valid_from AS linked_at, (k.valid_from AT TIME ZONE l.time_zone)::date AS day, k.app_no, l.app, k.profile_no, k.recorded_person_no,
      k.recorded_person_no <> k.profile_no AS is_merge, CASE WHEN k.link_no = 1 THEN 'linked' ELSE 'changed' END AS change, k.recorded_at
    FROM weigate.link_period k JOIN weigate.app_label l USING (app_no) WHERE k.link_no > 0;
SELECT weigate.mart_explain('person_link_changes', 'Question 5: which links between profiles and people arrived when? One row for each time a profile got a unionid it did not have. is_merge says that another profile had this unionid already: from then on the two are one person, and the number of people falls by one. WHERE is_merge lists every merge. Caveat: a changed unionid (the account moved to another Open Platform account) shows as change = changed.',
  'linked_at', 'When WeChat said so.', 'day', 'That day, in the account''s time zone.', 'recorded_person_no', 'The profile that had this unionid first: what the profile became one person with.',
  'is_merge', 'True: two became one. False: the first profile with this unionid.', 'change', 'linked: the first unionid of the profile; changed: another one than before.',
  'recorded_at', 'When it came into the database: later than linked_at where data came late.');

CREATE VIEW weigate_mart.app_overlap AS
  WITH pair AS (
    SELECT a.app_no AS app_no_a, b.app_no AS app_no_b, count(*) AS people FROM weigate.person_link a JOIN weigate.person_link b USING (person_no) WHERE a.app_no <> b.app_no GROUP BY 1, 2
  ), total AS (
    SELECT app_no, count(*) AS people FROM weigate.profile GROUP BY 1
  )
  SELECT a.app_no AS app_no_a, la.app AS app_a, b.app_no AS app_no_b, lb.app AS app_b, coalesce(pair.people, 0)::integer AS people_in_both, a.people::integer AS people_in_a,
      b.people::integer AS people_in_b, round(coalesce(pair.people, 0)::numeric / a.people, 4) AS share_of_a
    FROM total a JOIN total b ON a.app_no <> b.app_no LEFT JOIN pair ON pair.app_no_a = a.app_no AND pair.app_no_b = b.app_no
    JOIN weigate.app_label la ON la.app_no = a.app_no JOIN weigate.app_label lb ON lb.app_no = b.app_no;
SELECT weigate.mart_explain('app_overlap', 'Question 5: which share of one account''s people is also known in another? One row per ordered pair of accounts (A with B, and B with A). Caveats: only people with a unionid in both can be recognised, so the overlap is a lower bound; links are those of the last maintenance.',
  'app_no_a', 'Account A.', 'app_a', 'Its name.', 'app_no_b', 'Account B.', 'app_b', 'Its name.', 'people_in_both', 'People known in A and in B.', 'people_in_a', 'People known in A.',
  'people_in_b', 'People known in B.', 'share_of_a', 'people_in_both / people_in_a.');

CREATE VIEW weigate_mart.geo_coverage_monthly AS
  SELECT c.month, c.app_no, l.app, c.active AS active_users, c.fresh + c.stale AS known_users, c.stale AS stale_users, c.active - c.fresh - c.stale AS unknown_users,
      round((c.fresh + c.stale)::numeric / c.active, 4) AS known_share, round(c.stale::numeric / c.active, 4) AS stale_share,
      round((c.active - c.fresh - c.stale)::numeric / c.active, 4) AS unknown_share, c.median_age_days
    FROM weigate.mart_coverage c JOIN weigate.app_label l USING (app_no) WHERE c.what = 'region';
CREATE VIEW weigate_mart.gender_coverage_monthly AS
  SELECT c.month, c.app_no, l.app, c.active AS active_users, c.fresh + c.stale AS known_users, c.stale AS stale_users, c.active - c.fresh - c.stale AS unknown_users,
      round((c.fresh + c.stale)::numeric / c.active, 4) AS known_share, round(c.stale::numeric / c.active, 4) AS stale_share,
      round((c.active - c.fresh - c.stale)::numeric / c.active, 4) AS unknown_share, c.median_age_days
    FROM weigate.mart_coverage c JOIN weigate.app_label l USING (app_no) WHERE c.what = 'gender';
DO $$
DECLARE what text[];
BEGIN
  FOREACH what SLICE 1 IN ARRAY ARRAY[['geo_coverage_monthly', 'the region', 'geo_distribution'], ['gender_coverage_monthly', 'the gender', 'gender_distribution']] LOOP
    PERFORM weigate.mart_explain(what[1], format('Question 8: of how many people is %s really known? One row per month and account, over the people active in that month: known + unknown = active, stale is part of known. Look here before you show any distribution (%s): since October 2021 WeChat answers new sign-ins with an empty region and sex 0, so what is known is old, and people who came later are unknown, not elsewhere. Caveats: by what is known now, not by what was known in that month; the present month is part of a month; erased people count as unknown.', what[2], what[3]),
      'month', 'First day of the month.', 'active_users', 'People with a completed sign-in in the month.', 'known_users', format('Those of whom %s is known.', what[2]),
      'stale_users', 'Those of whom it was observed last more than 365 days before the month''s end.', 'unknown_users', 'Those of whom it is not known.',
      'known_share', 'known_users / active_users.', 'stale_share', 'stale_users / active_users.', 'unknown_share', 'unknown_users / active_users.',
      'median_age_days', 'Median age of what is known, at the month''s end, in days; NULL: nothing is known.');
  END LOOP;
END $$;

-- Cells of fewer than 10 people would say something about single ones.
CREATE VIEW weigate_mart.geo_distribution AS
  WITH cell AS (
    SELECT app_no, coalesce(country, '') AS country, coalesce(province, '') AS province, region_at IS NOT NULL AS is_known, count(*) AS people,
        count(*) FILTER (WHERE region_at < weigate_mart.clock() - interval '365 days') AS stale
      FROM weigate.profile GROUP BY 1, 2, 3, 4
  ), folded AS (
    SELECT app_no, is_known, CASE WHEN NOT is_known THEN '(unknown)' WHEN people < 10 THEN '(fewer than 10)' ELSE country END AS country,
        CASE WHEN NOT is_known THEN '(unknown)' WHEN people < 10 THEN '(fewer than 10)' ELSE province END AS province, sum(people) AS people, sum(stale) AS stale
      FROM cell GROUP BY 1, 2, 3, 4
  )
  SELECT f.app_no, l.app, f.country, f.province, f.people::integer AS users, f.stale::integer AS stale_users,
      round(f.people / sum(f.people) OVER (PARTITION BY f.app_no), 4) AS share_of_all,
      CASE WHEN f.is_known THEN round(f.people / sum(f.people) OVER (PARTITION BY f.app_no, f.is_known), 4) END AS share_of_known
    FROM folded f JOIN weigate.app_label l USING (app_no);
SELECT weigate.mart_explain('geo_distribution', 'Question 8: where are the people, as far as it is known? One row per account, country and province, with one row (unknown), and one row (fewer than 10) that holds all cells too small to be shown. Read it with geo_coverage_monthly: mostly said before October 2021, and set by the people themselves. Caveat: share_of_known is no estimate for those who are unknown.',
  'country', 'As WeChat spelled it: by the language of the request; (unknown); (fewer than 10).', 'province', 'Likewise.', 'users', 'People known in the account with this region.',
  'stale_users', 'Those of them whose region was observed last more than 365 days ago.', 'share_of_all', 'users / all people of the account.', 'share_of_known', 'users / people of the account whose region is known; NULL in the row (unknown).');

CREATE VIEW weigate_mart.gender_distribution AS
  SELECT g.app_no, l.app, g.gender, g.people::integer AS users, g.stale::integer AS stale_users, round(g.people::numeric / sum(g.people) OVER (PARTITION BY g.app_no), 4) AS share_of_all,
      CASE WHEN g.gender <> '(unknown)' THEN round(g.people::numeric / sum(g.people) OVER (PARTITION BY g.app_no, g.gender <> '(unknown)'), 4) END AS share_of_known
    FROM (SELECT app_no, CASE sex WHEN 1 THEN 'male' WHEN 2 THEN 'female' ELSE '(unknown)' END AS gender, count(*) AS people,
        count(*) FILTER (WHERE sex_at < weigate_mart.clock() - interval '365 days') AS stale FROM weigate.profile GROUP BY 1, 2) g
    JOIN weigate.app_label l USING (app_no);
SELECT weigate.mart_explain('gender_distribution', 'Question 8: which gender, as far as it is known? One row per account and gender, with one row (unknown). Read it with gender_coverage_monthly: mostly said before October 2021. Caveat: share_of_known is no estimate for those who are unknown.',
  'gender', 'male, female (as the person set it in WeChat) or (unknown).', 'users', 'People known in the account.', 'stale_users', 'Those of whom it was observed last more than 365 days ago.',
  'share_of_all', 'users / all people of the account.', 'share_of_known', 'users / people of the account whose gender is known; NULL in the row (unknown).');

CREATE VIEW weigate_mart.profile_versions AS
  SELECT h.profile_no, p.app_no, l.app, h.observed_at AS valid_from, lead(h.observed_at) OVER versions AS valid_to, h.recorded_at,
      CASE h.sex WHEN 1 THEN 'male' WHEN 2 THEN 'female' END AS gender, nullif(h.country, '') AS country, nullif(h.province, '') AS province, nullif(h.city, '') AS city,
      nullif(h.language, '') AS language, h.scope, h.nickname IS NOT NULL AS has_profile, h.unionid IS NOT NULL AS has_unionid
    FROM weigate.profile_history h JOIN weigate.profile p USING (profile_no) JOIN weigate.app_label l ON l.app_no = p.app_no
    WINDOW versions AS (PARTITION BY h.profile_no ORDER BY h.observed_at, h.write_id);
SELECT weigate.mart_explain('profile_versions', 'Question 10: all versions of all profiles. One row per profile and period in which it did not change, without names. profile_asof(date) picks the versions of one day. Late data slots in: valid_to is computed, never stored. Caveats: history begins when weigate first recorded the person; retention may have removed old versions.',
  'valid_from', 'When WeChat first said so.', 'valid_to', 'When it said something else (exclusive); NULL: it still holds.', 'recorded_at', 'When this version came into the database.', 'gender', 'male, female; NULL unknown.',
  'country', 'Country as the person set it; NULL unknown.', 'province', 'Province; NULL unknown.', 'city', 'City; NULL unknown.', 'language', 'Language of the person''s WeChat; NULL unknown.',
  'scope', 'What the person had granted last.', 'has_profile', 'Nickname and picture had been pulled (snsapi_userinfo or website sign-in).', 'has_unionid', 'A unionid was known.');

CREATE FUNCTION weigate_mart.profile_asof(as_of date) RETURNS TABLE (profile_no bigint, app_no smallint, app text, since timestamptz, gender text, country text, province text, city text, language text,
    scope text, has_profile boolean, has_unionid boolean) LANGUAGE sql STABLE PARALLEL SAFE ROWS 100000 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT h.profile_no, p.app_no, l.app, h.observed_at, CASE h.sex WHEN 1 THEN 'male' WHEN 2 THEN 'female' END, nullif(h.country, ''), nullif(h.province, ''), nullif(h.city, ''), nullif(h.language, ''), h.scope,
      h.nickname IS NOT NULL, h.unionid IS NOT NULL
    FROM weigate.profile_history h JOIN weigate.profile p USING (profile_no) JOIN weigate.app_label l ON l.app_no = p.app_no
    WHERE h.observed_at < (as_of + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' AND NOT EXISTS (SELECT FROM weigate.profile_history n WHERE n.profile_no = h.profile_no
      AND n.observed_at < (as_of + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' AND (n.observed_at, n.write_id) > (h.observed_at, h.write_id))
$$;
COMMENT ON FUNCTION weigate_mart.profile_asof IS 'Question 10: what did the profiles look like at the end of a day? SELECT * FROM profile_asof(''2026-06-30''): one row per profile known by then; since: when WeChat first said so; the other columns as in profile_versions. The day ends at midnight in Shanghai. What was true then, including what was learned of it later.';

CREATE VIEW weigate_mart.profile_changes AS
  SELECT h.observed_at, (h.observed_at AT TIME ZONE l.time_zone)::date AS day, p.app_no, l.app, h.profile_no, f.field,
      CASE f.field WHEN 'sex' THEN h.sex::text WHEN 'province' THEN h.province WHEN 'city' THEN h.city WHEN 'country' THEN h.country WHEN 'language' THEN h.language
        WHEN 'scope' THEN h.scope WHEN 'privilege' THEN h.privilege ELSE '(hidden)' END AS new_value, h.recorded_at
    FROM weigate.profile_history h JOIN weigate.profile p USING (profile_no) JOIN weigate.app_label l ON l.app_no = p.app_no
      CROSS JOIN LATERAL unnest(h.changed_fields) f (field)
    -- Most first versions are recognised by their time; the rest (people who were imported) by a look.
    WHERE h.observed_at > p.first_seen_at AND (SELECT true FROM weigate.profile_history e WHERE e.profile_no = h.profile_no AND (e.observed_at, e.write_id) < (h.observed_at, h.write_id) LIMIT 1);
SELECT weigate.mart_explain('profile_changes', 'Question 10: what changed in the profiles, when? One row per profile, moment and field that changed; a profile''s first version is no change. New nicknames, pictures and unionids are shown as (hidden). Caveats: by when WeChat said so, which is the person''s next sign-in after the change; an empty gender or region never replaces a known one, so losses do not show.',
  'observed_at', 'When WeChat said so.', 'day', 'That day, in the account''s time zone.', 'field', 'nickname, headimgurl, privilege, language, scope, unionid, sex, province, city, country.',
  'new_value', 'What it became; (hidden) where it would name the person.', 'recorded_at', 'When it came into the database.');

CREATE VIEW weigate_mart.people_names_pii AS
  SELECT p.profile_no, coalesce(k.person_no, p.profile_no) AS person_no, p.app_no, l.app, s.openid, p.unionid, p.nickname, p.headimgurl, p.first_seen_at, p.last_seen_at
    FROM weigate.profile p JOIN weigate.subject s USING (profile_no) JOIN weigate.app_label l ON l.app_no = p.app_no LEFT JOIN weigate.person_link k ON k.profile_no = p.profile_no;
SELECT weigate.mart_explain('people_names_pii', 'Personal data: who a profile_no is. One row per profile. Only for the role weigate_analyst_pii; join it with other views by profile_no, and keep results no longer than their purpose lasts (PIPL art. 6, 47).',
  'openid', 'WeChat''s openid in this account.', 'unionid', 'WeChat''s unionid; NULL unknown.', 'nickname', 'Nickname as WeChat gave it last; NULL: never pulled.', 'headimgurl', 'Address of the picture.',
  'first_seen_at', 'Earliest time the person was seen.', 'last_seen_at', 'Latest time.');

INSERT INTO weigate.schema_migration (version, name) VALUES (8, 'mart_people');
