-- SPDX-License-Identifier: Apache-2.0
-- What `weigatectl storage maintain` calls for the analysts, after the days' counts: SELECT weigate.mart_refresh(). It looks for the first
-- day on which the mart's tables and daily_rollup differ (a new day, or late data) and counts anew from there. Everything is counted anew
-- where it never was, a week ago, or where accounts have been linked since.
-- The marts of all accounts together (app_no 0) are made from the same rows: people in one account only are added up, people who are known
-- in several are counted once.

-- Now, by the mart's clock: an analyst may look at the mart as of another time (SET weigate.now = '2026-06-30 20:00+08').
CREATE FUNCTION weigate_mart.clock() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(nullif(current_setting('weigate.now', true), '')::timestamptz, now())
$$;
COMMENT ON FUNCTION weigate_mart.clock() IS 'Now, or what the setting weigate.now says: what "today" is in every view. SET weigate.now = ''2026-06-30 20:00+08'' shows the mart''s last-n-days views as of then.';

-- Days with a sign-in of whoever is counted: a profile in its account, and under app_no 0 people who are known in several accounts.
CREATE VIEW weigate.unit_day AS
  SELECT d.app_no, l.profile_no IS NOT NULL AS is_linked, d.profile_no AS unit, d.day, d.is_first
    FROM weigate.user_day d LEFT JOIN weigate.person_link l USING (profile_no)
  UNION ALL
  SELECT DISTINCT 0::smallint, true, l.person_no, d.day, d.day = l.first_day
    FROM weigate.user_day d JOIN weigate.person_link l USING (profile_no);
COMMENT ON VIEW weigate.unit_day IS 'Days with a sign-in per profile, and per person known in several accounts (app_no 0).';
COMMENT ON COLUMN weigate.unit_day.app_no IS 'Account; 0: a person known in several.';
COMMENT ON COLUMN weigate.unit_day.is_linked IS 'The profile belongs to such a person.';
COMMENT ON COLUMN weigate.unit_day.unit IS 'profile_no, or person_no under app_no 0.';
COMMENT ON COLUMN weigate.unit_day.day IS 'The day.';
COMMENT ON COLUMN weigate.unit_day.is_first IS 'The first one.';

-- Which profiles are one person, and when it was seen last up to a day. Only what changed is written; true if a link did.
CREATE FUNCTION weigate.mart_refresh_links(through date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE changes bigint;
BEGIN
  WITH member AS MATERIALIZED (
    SELECT p.profile_no, p.app_no, p.unionid, app.open_platform_id, a.first_login_day, CASE WHEN a.last_login_day <= through THEN a.last_login_day
        ELSE (SELECT max(d.day) FROM weigate.user_day d WHERE d.profile_no = p.profile_no AND d.day <= through AND d.day > through - 31) END AS profile_day
      FROM (SELECT unionid FROM weigate.profile WHERE unionid IS NOT NULL GROUP BY unionid HAVING count(*) > 1) u
      JOIN weigate.profile p USING (unionid) JOIN weigate.app USING (app_no) LEFT JOIN weigate.profile_activity a USING (profile_no)
  ), person AS MATERIALIZED (
    SELECT profile_no, min(profile_no) OVER same AS person_no, min(first_login_day) OVER same AS first_day, profile_day, max(profile_day) OVER same AS person_day, app_no,
        count(*) OVER same AS members
      FROM member WINDOW same AS (PARTITION BY open_platform_id, unionid)
  ), gone AS (
    DELETE FROM weigate.person_link l WHERE NOT EXISTS (SELECT FROM person p WHERE p.profile_no = l.profile_no AND p.members > 1) RETURNING 1
  ), put AS (
    INSERT INTO weigate.person_link AS l (profile_no, person_no, first_day, profile_day, person_day, app_no)
      SELECT profile_no, person_no, first_day, profile_day, person_day, app_no FROM person WHERE members > 1
      ON CONFLICT (profile_no) DO UPDATE SET person_no = excluded.person_no, first_day = excluded.first_day, profile_day = excluded.profile_day, person_day = excluded.person_day
        WHERE (l.person_no, l.first_day, l.profile_day, l.person_day) IS DISTINCT FROM (excluded.person_no, excluded.first_day, excluded.profile_day, excluded.person_day)
      RETURNING l.person_no, (SELECT o.person_no FROM weigate.person_link o WHERE o.profile_no = l.profile_no) AS before_no
  ) SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM put WHERE person_no IS DISTINCT FROM before_no) INTO changes;
  DELETE FROM weigate.mart_link_day;
  INSERT INTO weigate.mart_link_day (day, profiles, people)
    SELECT day, count(*) FILTER (WHERE is_profile), count(*) FILTER (WHERE NOT is_profile) FROM (
      SELECT profile_day AS day, true AS is_profile FROM weigate.person_link WHERE profile_day > through - 31
      UNION ALL SELECT person_day, false FROM weigate.person_link WHERE person_day > through - 31 AND profile_no = person_no) d GROUP BY day;
  RETURN changes > 0;
END $$;
COMMENT ON FUNCTION weigate.mart_refresh_links IS 'Finds the profiles that are one person; true if any link changed.';

-- What history says of links, as periods. The number that a linked period carries is the profile that had the unionid first: it stays the
-- same whoever joins later, and no period without a link carries it at the same time.
CREATE FUNCTION weigate.mart_refresh_link_periods() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  WITH said AS (
    SELECT profile_no, unionid, min(observed_at) AS observed_at, min(recorded_at) AS recorded_at FROM weigate.profile_history WHERE unionid IS NOT NULL GROUP BY profile_no, unionid
  ), link AS MATERIALIZED (
    SELECT s.profile_no, s.observed_at, s.recorded_at, p.app_no, first_value(s.profile_no) OVER (PARTITION BY a.open_platform_id, s.unionid ORDER BY s.observed_at, s.profile_no) AS recorded_person_no,
        lead(s.observed_at) OVER links AS valid_to, row_number() OVER links AS link_no
      FROM said s JOIN weigate.profile p USING (profile_no) JOIN weigate.app a USING (app_no) WINDOW links AS (PARTITION BY s.profile_no ORDER BY s.observed_at, s.unionid)
  ), period AS MATERIALIZED (
    SELECT profile_no, link_no, recorded_person_no, observed_at AS valid_from, valid_to, recorded_at, app_no FROM link
    UNION ALL
    SELECT p.profile_no, 0, p.profile_no, p.first_seen_at, k.observed_at, NULL, p.app_no
      FROM weigate.profile p LEFT JOIN link k ON k.profile_no = p.profile_no AND k.link_no = 1 WHERE k.profile_no IS NULL OR p.first_seen_at < k.observed_at
  ), gone AS (
    DELETE FROM weigate.link_period l WHERE NOT EXISTS (SELECT FROM period p WHERE p.profile_no = l.profile_no AND p.link_no = l.link_no)
  )
  INSERT INTO weigate.link_period AS l (profile_no, link_no, recorded_person_no, valid_from, valid_to, recorded_at, app_no) SELECT * FROM period
    ON CONFLICT (profile_no, link_no) DO UPDATE SET recorded_person_no = excluded.recorded_person_no, valid_from = excluded.valid_from, valid_to = excluded.valid_to, recorded_at = excluded.recorded_at
      WHERE (l.recorded_person_no, l.valid_from, l.valid_to, l.recorded_at) IS DISTINCT FROM (excluded.recorded_person_no, excluded.valid_from, excluded.valid_to, excluded.recorded_at);
END $$;
COMMENT ON FUNCTION weigate.mart_refresh_link_periods IS 'Brings link_period up to date with profile_history.';

-- Called by an erasure.
CREATE FUNCTION weigate.mart_forget(who bigint) RETURNS void LANGUAGE sql AS $$
  DELETE FROM weigate.person_link WHERE profile_no = who;
  DELETE FROM weigate.link_period WHERE profile_no = who;
$$;
COMMENT ON FUNCTION weigate.mart_forget IS 'Takes an erased person out of the mart''s tables that hold pseudonyms.';

-- Rolling windows, exactly and in one pass: each stay (days less than w apart) counts +1 where it begins and -1 w days after its last day.
CREATE FUNCTION weigate.mart_refresh_active(since date, through date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM weigate.mart_active WHERE day >= since;
  INSERT INTO weigate.mart_active (day, app_no, dau, wau7, mau30)
  WITH neighbour AS (
    SELECT app_no, is_linked, day, day - lag(day) OVER unit_days AS before, lead(day) OVER unit_days - day AS after
      FROM weigate.unit_day WHERE day > since - 30 AND day <= through
      WINDOW unit_days AS (PARTITION BY app_no, unit ORDER BY day)
  ), step AS (
    SELECT app_no, is_linked, day, count(*) AS dau,
        count(*) FILTER (WHERE coalesce(before, 99) >= 7) AS week_begins, count(*) FILTER (WHERE coalesce(after, 99) >= 7) AS week_ends,
        count(*) FILTER (WHERE coalesce(before, 99) >= 30) AS month_begins, count(*) FILTER (WHERE coalesce(after, 99) >= 30) AS month_ends
      FROM neighbour GROUP BY app_no, is_linked, day
  ), moved AS (
    SELECT app_no, is_linked, day, dau, week_begins AS week_change, month_begins AS month_change FROM step
    UNION ALL SELECT app_no, is_linked, day + 7, 0, -week_ends, 0 FROM step
    UNION ALL SELECT app_no, is_linked, day + 30, 0, 0, -month_ends FROM step
    UNION ALL SELECT app_no, is_linked, g::date, 0, 0, 0
      FROM (SELECT app_no, is_linked, min(day) AS first_day FROM step GROUP BY app_no, is_linked) s,
        generate_series(s.first_day::timestamp, through, '1 day') g
  ), running AS (
    SELECT app_no, is_linked, day, sum(dau) AS dau, sum(sum(week_change)) OVER so_far AS wau7, sum(sum(month_change)) OVER so_far AS mau30
      FROM moved GROUP BY app_no, is_linked, day WINDOW so_far AS (PARTITION BY app_no, is_linked ORDER BY day)
  )
  SELECT day, a.app_no, sum(dau), sum(wau7), sum(mau30)
    FROM running r JOIN LATERAL (VALUES (nullif(r.app_no, 0)), (CASE WHEN r.app_no = 0 OR NOT is_linked THEN 0::smallint END)) a (app_no)
      ON a.app_no IS NOT NULL
    WHERE day BETWEEN since AND through GROUP BY day, a.app_no;
END $$;
COMMENT ON FUNCTION weigate.mart_refresh_active IS 'Counts mart_active anew from a day on.';

-- Weeks: growth accounting and weekly cohorts. A week that is touched is counted whole; one that is not over is left out.
CREATE FUNCTION weigate.mart_refresh_weeks(since date, through date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  from_week date := date_trunc('week', since::timestamp);
  to_week date := date_trunc('week', through::timestamp + interval '1 day') - interval '7 days';
BEGIN
  DELETE FROM weigate.mart_growth WHERE week >= from_week;
  DELETE FROM weigate.mart_cohort_week WHERE week >= from_week;
  IF from_week > to_week THEN RETURN; END IF;
  WITH unit_week AS MATERIALIZED (
    SELECT app_no, is_linked, unit, day - (extract(isodow FROM day)::integer - 1) AS week, bool_or(is_first) AS is_new
      FROM weigate.unit_day WHERE day >= from_week - 7 AND day < to_week + 7 GROUP BY 1, 2, 3, 4
  ), neighbour AS (
    SELECT app_no, is_linked, week, is_new, lag(week) OVER unit_weeks = week - 7 AS is_retained,
        coalesce(lead(week) OVER unit_weeks <> week + 7, true) AS is_leaving
      FROM unit_week WINDOW unit_weeks AS (PARTITION BY app_no, unit ORDER BY week)
  ), counted AS (
    SELECT app_no, is_linked, week, count(*) AS active, count(*) FILTER (WHERE is_new) AS new,
        count(*) FILTER (WHERE NOT is_new AND is_retained) AS retained, 0 AS churned
      FROM neighbour GROUP BY 1, 2, 3
    UNION ALL
    SELECT app_no, is_linked, week + 7, 0, 0, 0, count(*) FROM neighbour WHERE is_leaving GROUP BY 1, 2, 3
  ), growth AS (
    INSERT INTO weigate.mart_growth (week, app_no, active, new, retained, resurrected, churned)
    SELECT week, a.app_no, sum(active), sum(new), sum(retained), sum(active) - sum(new) - sum(retained), sum(churned)
      FROM counted c JOIN LATERAL (VALUES (nullif(c.app_no, 0)), (CASE WHEN c.app_no = 0 OR NOT is_linked THEN 0::smallint END)) a (app_no)
        ON a.app_no IS NOT NULL
      WHERE week BETWEEN from_week AND to_week GROUP BY week, a.app_no
  ), beginning AS (
    SELECT app_no, profile_no AS unit, first_login_day AS day FROM weigate.profile_activity
    UNION ALL SELECT app_no, profile_no, day FROM weigate.user_day WHERE profile_no < 0 AND is_first
    UNION ALL SELECT DISTINCT 0::smallint, person_no, first_day FROM weigate.person_link
  ), cohort AS (
    SELECT w.app_no, w.is_linked, b.day - (extract(isodow FROM b.day)::integer - 1) AS cohort_week, w.week, count(*) AS people
      FROM unit_week w JOIN beginning b USING (app_no, unit) WHERE w.week >= from_week GROUP BY 1, 2, 3, 4
  )
  INSERT INTO weigate.mart_cohort_week (cohort_week, week, app_no, people)
  SELECT cohort_week, week, a.app_no, sum(people)
    FROM cohort c JOIN LATERAL (VALUES (nullif(c.app_no, 0)), (CASE WHEN c.app_no = 0 OR NOT is_linked THEN 0::smallint END)) a (app_no)
      ON a.app_no IS NOT NULL
    GROUP BY cohort_week, week, a.app_no;
END $$;
COMMENT ON FUNCTION weigate.mart_refresh_weeks IS 'Counts mart_growth and mart_cohort_week anew from a day''s week on.';

CREATE FUNCTION weigate.mart_refresh_cohort_days(since date, through date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM weigate.mart_cohort_day WHERE cohort_day + day_n >= since;
  INSERT INTO weigate.mart_cohort_day (cohort_day, day_n, app_no, people)
  WITH beginning AS (
    SELECT app_no, profile_no AS unit, first_login_day AS day FROM weigate.profile_activity WHERE first_login_day >= since - 90
    UNION ALL SELECT app_no, profile_no, day FROM weigate.user_day WHERE profile_no < 0 AND is_first AND day >= since - 90
    UNION ALL SELECT DISTINCT 0::smallint, person_no, first_day FROM weigate.person_link WHERE first_day >= since - 90
  ), counted AS (
    SELECT d.app_no, d.is_linked, b.day AS cohort_day, d.day - b.day AS day_n, count(*) AS people
      FROM weigate.unit_day d JOIN beginning b USING (app_no, unit)
      WHERE d.day >= since AND d.day <= through AND (d.day - b.day BETWEEN 1 AND 30 OR d.day - b.day IN (60, 90)) GROUP BY 1, 2, 3, 4
  )
  SELECT cohort_day, day_n, a.app_no, sum(people)
    FROM counted c JOIN LATERAL (VALUES (nullif(c.app_no, 0)), (CASE WHEN c.app_no = 0 OR NOT is_linked THEN 0::smallint END)) a (app_no)
      ON a.app_no IS NOT NULL
    GROUP BY cohort_day, day_n, a.app_no;
END $$;
COMMENT ON FUNCTION weigate.mart_refresh_cohort_days IS 'Counts mart_cohort_day anew from a day on.';

-- The channel is that of the first completed sign-in of the first day.
CREATE FUNCTION weigate.mart_refresh_new(since date, through date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM weigate.mart_new WHERE day >= since;
  INSERT INTO weigate.mart_new (day, app_no, channel, people)
  WITH newcomer AS (
    SELECT DISTINCT ON (d.profile_no) d.day, d.app_no, d.profile_no, coalesce(e.channel, '') AS channel
      FROM weigate.user_day d LEFT JOIN weigate.login_event e ON e.profile_no = d.profile_no AND e.event_day = d.day AND e.is_login
        AND e.event_at >= since::timestamp AT TIME ZONE 'UTC' - interval '15 hours'
      WHERE d.is_first AND d.day >= since AND d.day <= through ORDER BY d.profile_no, e.event_at, e.event_id
  ), counted AS (
    SELECT day, app_no, channel, count(*) AS people FROM newcomer GROUP BY 1, 2, 3
    UNION ALL
    SELECT day, 0, channel, count(*) FROM (
      SELECT DISTINCT ON (coalesce(l.person_no, n.profile_no)) n.day, n.channel
        FROM newcomer n LEFT JOIN weigate.person_link l USING (profile_no) WHERE l.profile_no IS NULL OR l.first_day = n.day
        ORDER BY coalesce(l.person_no, n.profile_no), n.profile_no) p GROUP BY 1, 3
  ) SELECT day, app_no, channel, people FROM counted;
END $$;
COMMENT ON FUNCTION weigate.mart_refresh_new IS 'Counts mart_new anew from a day on.';

CREATE FUNCTION weigate.mart_refresh_events(since date, through date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE from_at timestamptz := since::timestamp AT TIME ZONE 'UTC' - interval '15 hours';
BEGIN
  DELETE FROM weigate.mart_event WHERE day >= since;
  INSERT INTO weigate.mart_event
    SELECT event_day, app_no, channel, scope, stage, outcome, errcode, is_login, is_snapshot, count(*) FROM weigate.login_event
      WHERE event_at >= from_at AND event_day >= since AND event_day <= through GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9;
  DELETE FROM weigate.mart_hour WHERE day >= since;
  INSERT INTO weigate.mart_hour
    SELECT e.event_day, e.app_no, extract(hour FROM e.event_at AT TIME ZONE a.time_zone), count(*)
      FROM weigate.login_event e JOIN weigate.app a USING (app_no)
      WHERE e.is_login AND e.event_at >= from_at AND e.event_day >= since AND e.event_day <= through GROUP BY 1, 2, 3;
  DELETE FROM weigate.mart_latency WHERE day >= since;
  INSERT INTO weigate.mart_latency
    SELECT event_day, app_no, channel, stage, percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms),
        percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_ms)
      FROM weigate.login_event WHERE NOT is_snapshot AND event_at >= from_at AND event_day >= since AND event_day <= through
      GROUP BY 1, 2, 3, 4;
END $$;
COMMENT ON FUNCTION weigate.mart_refresh_events IS 'Counts mart_event, mart_hour and mart_latency anew from a day on.';

CREATE FUNCTION weigate.mart_refresh_coverage(since date, through date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE from_month date := date_trunc('month', since::timestamp);
BEGIN
  DELETE FROM weigate.mart_coverage WHERE month >= from_month;
  INSERT INTO weigate.mart_coverage (month, app_no, what, active, fresh, stale, median_age_days)
  WITH active AS MATERIALIZED (
    SELECT date_trunc('month', day::timestamp)::date AS month, app_no, profile_no, (date_trunc('month', day::timestamp) + interval '1 month') AT TIME ZONE 'Asia/Shanghai' AS ends_at
      FROM weigate.user_day WHERE day >= from_month AND day <= through GROUP BY 1, 2, 3, 4
  ), aged AS (
    SELECT a.month, a.app_no, k.what, CASE WHEN k.known_at < a.ends_at THEN a.ends_at - k.known_at WHEN k.known_at IS NOT NULL THEN interval '0' END AS age
      FROM active a LEFT JOIN weigate.profile p USING (profile_no)
        CROSS JOIN LATERAL (VALUES ('gender', p.sex_at), ('region', p.region_at)) k (what, known_at)
  )
  SELECT month, app_no, what, count(*), count(*) FILTER (WHERE age <= interval '365 days'), count(*) FILTER (WHERE age > interval '365 days'),
      extract(day FROM justify_hours(percentile_disc(0.5) WITHIN GROUP (ORDER BY age)))
    FROM aged GROUP BY month, app_no, what;
END $$;
COMMENT ON FUNCTION weigate.mart_refresh_coverage IS 'Counts mart_coverage anew from a day''s month on.';

-- The first day whose counts differ from daily_rollup's; NULL: none.
CREATE FUNCTION weigate.mart_stale_since(through date) RETURNS date LANGUAGE sql STABLE AS $$
  SELECT min(r.day) FROM weigate.daily_rollup r LEFT JOIN weigate.mart_active a USING (day, app_no)
    LEFT JOIN (SELECT day, app_no, sum(people) AS people FROM weigate.mart_new GROUP BY 1, 2) n USING (day, app_no)
    LEFT JOIN (SELECT day, app_no, sum(events) FILTER (WHERE is_login) AS logins, sum(events) FILTER (WHERE NOT is_login AND NOT is_snapshot) AS failures,
        sum(events) FILTER (WHERE is_snapshot) AS snapshots FROM weigate.mart_event GROUP BY 1, 2) e USING (day, app_no)
    WHERE r.day <= through AND (r.dau, r.new_people, r.logins, r.failures, r.snapshot_visits) IS DISTINCT FROM
      (coalesce(a.dau, 0), coalesce(n.people, 0), coalesce(e.logins, 0), coalesce(e.failures, 0), coalesce(e.snapshots, 0))
$$;
COMMENT ON FUNCTION weigate.mart_stale_since IS 'First day on which the mart''s counts are not those of daily_rollup.';

-- From where on everything can be counted: rows that retention took away leave the counts that were made of them, and a window of 30 days
-- must lie wholly in what is left.
CREATE FUNCTION weigate.mart_countable_since() RETURNS date LANGUAGE sql STABLE AS $$
  SELECT greatest((SELECT max(value)::date + 30 FROM weigate.store_meta WHERE name IN ('kept_from.login_event', 'kept_from.user_day')),
    (SELECT min(day) FROM weigate.daily_rollup))
$$;
COMMENT ON FUNCTION weigate.mart_countable_since IS 'The first day that can be counted anew from the rows that retention has left.';

-- Brings the mart's tables up to date, in one transaction; returns the day from which on it counted anew, or NULL. With is_whole everything.
CREATE FUNCTION weigate.mart_refresh(is_whole boolean DEFAULT false) RETURNS date LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp SET work_mem = '128MB' SET jit = off AS $$
DECLARE
  began_at timestamptz := clock_timestamp();
  state weigate.mart_state;
  through date := (SELECT min(d.last_day) FROM (SELECT max(day) AS last_day FROM weigate.daily_rollup GROUP BY app_no) d);
  since date;
BEGIN
  SELECT * INTO state FROM weigate.mart_state FOR UPDATE;
  through := coalesce(through, state.through_day);
  state.is_link_due := weigate.mart_refresh_links(through) OR state.is_link_due;
  PERFORM weigate.mart_refresh_link_periods();
  since := weigate.mart_stale_since(through);
  is_whole := is_whole OR state.whole_at < weigate_mart.clock() - interval '7 days'
    OR (state.is_link_due AND state.whole_at < weigate_mart.clock() - interval '20 hours');
  IF is_whole OR since < weigate.mart_countable_since() THEN since := weigate.mart_countable_since(); END IF;
  IF is_whole THEN state.whole_at := weigate_mart.clock(); state.is_link_due := false; END IF;
  IF since <= through THEN
    PERFORM weigate.mart_refresh_active(since, through);
    PERFORM weigate.mart_refresh_weeks(since, through);
    PERFORM weigate.mart_refresh_cohort_days(since, through);
    PERFORM weigate.mart_refresh_new(since, through);
    PERFORM weigate.mart_refresh_events(since, through);
    PERFORM weigate.mart_refresh_coverage(since, through);
  ELSE
    since := NULL;
  END IF;
  UPDATE weigate.mart_state SET through_day = through, whole_at = state.whole_at, is_link_due = state.is_link_due,
    refreshed_at = clock_timestamp(), refreshed_since = since, took_ms = extract(epoch FROM clock_timestamp() - began_at) * 1000;
  -- Tables that are small, or changed at once: autovacuum would see to them too late, or never.
  ANALYZE weigate.app, weigate.mart_state, weigate.person_link, weigate.link_period, weigate.mart_link_day, weigate.mart_active, weigate.mart_new, weigate.mart_cohort_week, weigate.mart_cohort_day,
    weigate.mart_growth, weigate.mart_event, weigate.mart_latency, weigate.mart_hour, weigate.mart_coverage;
  RETURN since;
END $$;
COMMENT ON FUNCTION weigate.mart_refresh IS 'Brings the analysts'' tables up to date; what `weigatectl storage maintain` calls.';

INSERT INTO weigate.schema_migration (version, name) VALUES (6, 'mart_refresh');
