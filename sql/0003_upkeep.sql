-- SPDX-License-Identifier: Apache-2.0
-- What `weigatectl storage maintain` and `weigatectl privacy` call: partitions, retention, the days' counts, and what the law gives a person
-- a right to. Each call is one short transaction, so that it is safe through a pooler and can be broken off anywhere.

-- Makes the partition of the month that holds the day. With the owner's rights, so that the service needs no DDL; attached rather than
-- created in place, because that does not lock out writers.
CREATE FUNCTION weigate.partition_make(parent text, a_day date) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s' AS $$
DECLARE
  month timestamp := date_trunc('month', a_day::timestamp);
  after timestamp := month + interval '1 month';
  name text := parent || to_char(month, '_YYYY_MM');
BEGIN
  IF parent NOT IN ('login_event', 'user_day') THEN RAISE EXCEPTION 'weigate.% is not kept by months', parent; END IF;
  PERFORM pg_advisory_xact_lock(1464292180, 2);
  IF to_regclass('weigate.' || name) IS NOT NULL THEN RETURN false; END IF;
  EXECUTE format('CREATE TABLE weigate.%I (LIKE weigate.%I INCLUDING ALL) WITH (fillfactor = %s, autovacuum_vacuum_insert_scale_factor = 0.02)',
    name, parent, CASE parent WHEN 'user_day' THEN 80 ELSE 100 END);
  IF parent = 'user_day' THEN
    EXECUTE format('ALTER TABLE weigate.user_day ATTACH PARTITION weigate.%I FOR VALUES FROM (%L) TO (%L)', name, month::date, after::date);
  ELSE
    EXECUTE format('ALTER TABLE weigate.login_event ATTACH PARTITION weigate.%I FOR VALUES FROM (%L) TO (%L)', name,
      month AT TIME ZONE 'Asia/Shanghai', after AT TIME ZONE 'Asia/Shanghai');
  END IF;
  EXECUTE format('COMMENT ON TABLE weigate.%I IS %L', name, format('weigate.%s of %s.', parent, to_char(month, 'YYYY-MM')));
  RETURN true;
END $$;
COMMENT ON FUNCTION weigate.partition_make IS 'Makes the partition of a month, unless it is there.';

-- What a batch needs that was refused because a month was missing.
CREATE FUNCTION weigate.partitions_for(events jsonb) RETURNS integer LANGUAGE sql AS $$
  SELECT count(*) FILTER (WHERE weigate.partition_make(m.parent, m.month))::integer FROM (
    SELECT 'login_event' AS parent, date_trunc('month', r.event_at AT TIME ZONE 'Asia/Shanghai')::date AS month
      FROM jsonb_populate_recordset(NULL::weigate.event_write, events) r
    UNION SELECT 'user_day', date_trunc('month', date '1970-01-01' + r.event_day)::date
      FROM jsonb_populate_recordset(NULL::weigate.event_write, events) r WHERE r.is_login
    ORDER BY 1, 2) m
$$;
COMMENT ON FUNCTION weigate.partitions_for IS 'Makes the partitions that a batch of events needs; returns how many were missing.';

-- Of last month, this month and the next three, those that are missing.
CREATE FUNCTION weigate.partitions_wanted() RETURNS TABLE (parent text, month date, name text) LANGUAGE sql STABLE AS $$
  SELECT t.parent, m.month, t.parent || to_char(m.month, '_YYYY_MM')
    FROM (VALUES ('login_event'), ('user_day')) t (parent), generate_series(-1, 3) n,
      LATERAL (SELECT date_trunc('month', (now() AT TIME ZONE 'Asia/Shanghai') + n * interval '1 month')::date AS month) m
    WHERE to_regclass('weigate.' || t.parent || to_char(m.month, '_YYYY_MM')) IS NULL
    ORDER BY 1, 2
$$;
COMMENT ON FUNCTION weigate.partitions_wanted IS 'Partitions of last month, this month and the next three that are missing.';

CREATE FUNCTION weigate.partitions_ahead() RETURNS integer LANGUAGE sql AS $$
  SELECT count(weigate.partition_make(w.parent, w.month))::integer FROM weigate.partitions_wanted() w
$$;
COMMENT ON FUNCTION weigate.partitions_ahead IS 'Makes the partitions of last month, this month and the next three; returns how many were missing.';

-- Months after this one for which both tables have a partition, up to three.
CREATE FUNCTION weigate.partitions_ready() RETURNS integer LANGUAGE sql STABLE AS $$
  SELECT count(*)::integer FROM generate_series(1, 3) n,
    LATERAL (SELECT to_char((now() AT TIME ZONE 'Asia/Shanghai') + n * interval '1 month', '_YYYY_MM') AS month) m
    WHERE to_regclass('weigate.login_event' || month) IS NOT NULL AND to_regclass('weigate.user_day' || month) IS NOT NULL
$$;
COMMENT ON FUNCTION weigate.partitions_ready IS 'How many of the next three months have their partitions.';

-- Months that lie wholly before a time; `state` says what is left to do: detach, finalize (a detaching was broken off), drop.
CREATE FUNCTION weigate.partitions_past(parent text, before timestamptz)
  RETURNS TABLE (name text, state text, size_bytes bigint) LANGUAGE sql STABLE AS $$
  SELECT c.relname::text, CASE WHEN i.inhrelid IS NULL THEN 'drop' WHEN i.inhdetachpending THEN 'finalize' ELSE 'detach' END,
      pg_total_relation_size(c.oid)
    FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
    WHERE c.relnamespace = 'weigate'::regnamespace AND c.relkind = 'r' AND c.relname ~ ('^' || parent || '_[0-9]{4}_[0-9]{2}$')
      AND (to_date(right(c.relname, 7), 'YYYY_MM')::timestamp + interval '1 month') AT TIME ZONE 'Asia/Shanghai' <= before
    ORDER BY c.relname
$$;
COMMENT ON FUNCTION weigate.partitions_past IS 'Partitions that retention takes away, and what is left to do with each.';

-- Before a month goes: from when on the table is whole, so that counts of earlier days are never made anew from what is left.
CREATE FUNCTION weigate.kept_from_set(parent text, partition_name text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO weigate.store_meta AS m (name, value)
    VALUES ('kept_from.' || parent, (to_date(right(partition_name, 7), 'YYYY_MM') + interval '1 month')::date::text)
    ON CONFLICT (name) DO UPDATE SET value = greatest(m.value, excluded.value), changed_at = clock_timestamp()
$$;
COMMENT ON FUNCTION weigate.kept_from_set IS 'Notes that a month of a table is about to go.';

-- One bite of what is past its time; returns how many rows went, or with most = 0 how many there are. `before` is now, less what
-- the configuration keeps.
CREATE FUNCTION weigate.expire(what text, before timestamptz, most integer, lock_ms integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  us bigint := weigate.us(before);
  gone integer;
BEGIN
  PERFORM weigate.begin_call(lock_ms, what = 'people');
  IF what = 'tickets' THEN
    IF most = 0 THEN RETURN (SELECT count(*) FROM weigate.ticket WHERE expires_at_us <= us); END IF;
    DELETE FROM weigate.ticket WHERE (kind, key) IN
      (SELECT kind, key FROM weigate.ticket WHERE expires_at_us <= us LIMIT most FOR UPDATE SKIP LOCKED);
  ELSIF what = 'tokens' THEN
    IF most = 0 THEN
      RETURN (SELECT count(*) FROM weigate_secret.token WHERE refresh_expires_us > 0 AND refresh_expires_us <= us AND sealed <> '');
    END IF;
    -- The stamp stays, so that an older token does not come back.
    UPDATE weigate_secret.token SET sealed = '' WHERE profile_no IN (SELECT profile_no FROM weigate_secret.token
      WHERE refresh_expires_us > 0 AND refresh_expires_us <= us AND sealed <> '' LIMIT most FOR UPDATE SKIP LOCKED);
  ELSIF what = 'tombstones' THEN
    IF most = 0 THEN RETURN (SELECT count(*) FROM weigate.tombstone WHERE erased_at <= before AND changed_at <= before); END IF;
    DELETE FROM weigate.tombstone WHERE key_hash IN (SELECT key_hash FROM weigate.tombstone
      WHERE erased_at <= before AND changed_at <= before LIMIT most FOR UPDATE SKIP LOCKED);
  ELSIF what = 'history' THEN
    RETURN weigate.expire_history(before, most);
  ELSIF what = 'requests' THEN
    IF most = 0 THEN RETURN (SELECT count(*) FROM weigate.privacy_request WHERE done_at <= before); END IF;
    DELETE FROM weigate.privacy_request WHERE request_no IN
      (SELECT request_no FROM weigate.privacy_request WHERE done_at <= before LIMIT most FOR UPDATE SKIP LOCKED);
  ELSIF what = 'batches' THEN
    IF most = 0 THEN RETURN (SELECT count(*) FROM weigate.ingest_batch WHERE done_at <= before); END IF;
    DELETE FROM weigate.ingest_batch WHERE batch_no IN
      (SELECT batch_no FROM weigate.ingest_batch WHERE done_at <= before LIMIT most FOR UPDATE SKIP LOCKED);
  ELSIF what = 'people' THEN
    RETURN weigate.expire_people(before, most);
  ELSIF what = 'subjects' THEN
    RETURN weigate.expire_subjects(most);
  ELSE
    RAISE EXCEPTION 'nothing is called % here', what;
  END IF;
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;
COMMENT ON FUNCTION weigate.expire IS 'Takes out one bite of what is past its time: tickets, tokens, tombstones, history, requests, batches, people.';

-- Rows that a later one of before the time has replaced: what the profile was at that time stays known.
CREATE FUNCTION weigate.expire_history(before timestamptz, most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE gone integer;
BEGIN
  IF most = 0 THEN
    RETURN (SELECT count(*) FROM weigate.profile_history h WHERE observed_at <= before AND EXISTS (SELECT FROM weigate.profile_history n
      WHERE n.profile_no = h.profile_no AND n.observed_at <= before AND (n.observed_at, n.write_id) > (h.observed_at, h.write_id)));
  END IF;
  DELETE FROM weigate.profile_history WHERE (profile_no, observed_at, write_id) IN (
    SELECT profile_no, observed_at, write_id FROM weigate.profile_history h WHERE observed_at <= before
      AND EXISTS (SELECT FROM weigate.profile_history n WHERE n.profile_no = h.profile_no AND n.observed_at <= before
        AND (n.observed_at, n.write_id) > (h.observed_at, h.write_id))
      LIMIT most FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;
COMMENT ON FUNCTION weigate.expire_history IS 'Takes out history older than a time, but for what held at that time.';

-- People who were not seen for longer than the configuration keeps them are erased like those who ask for it.
CREATE FUNCTION weigate.expire_people(before timestamptz, most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  who weigate.person_write;
  gone integer := 0;
BEGIN
  IF most = 0 THEN RETURN (SELECT count(*) FROM weigate.profile WHERE last_seen_at <= before); END IF;
  FOR who IN SELECT NULL::integer, s.appid, s.openid, s.key_hash FROM weigate.subject s JOIN weigate.profile p USING (profile_no)
      WHERE p.last_seen_at <= before ORDER BY s.appid, s.openid LIMIT most LOOP
    -- A write may have come between our look and our lock.
    PERFORM weigate.subject_lock(who.appid, who.openid, who.key_hash);
    CONTINUE WHEN NOT EXISTS (SELECT FROM weigate.subject s JOIN weigate.profile p USING (profile_no)
      WHERE s.key_hash = who.key_hash AND p.last_seen_at <= before);
    who.erased_at := before;
    who.erased_write := gen_random_uuid();
    PERFORM weigate.person_erase(who);
    gone := gone + 1;
  END LOOP;
  RETURN gone;
END $$;
COMMENT ON FUNCTION weigate.expire_people IS 'Erases people who were not seen since a time.';

-- Who is known by nothing any more but the key, because the events are gone: somebody who never came further than a failed sign-in.
CREATE FUNCTION weigate.expire_subjects(most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  who bigint;
  gone integer := 0;
BEGIN
  FOR who IN SELECT s.profile_no FROM weigate.subject s
      WHERE NOT EXISTS (SELECT FROM weigate.profile p WHERE p.profile_no = s.profile_no)
        AND NOT EXISTS (SELECT FROM weigate.user_day d WHERE d.profile_no = s.profile_no)
        AND NOT EXISTS (SELECT FROM weigate.login_event e WHERE e.profile_no = s.profile_no)
      ORDER BY s.appid, s.openid LIMIT nullif(most, 0) LOOP
    gone := gone + 1;
    CONTINUE WHEN most = 0;
    PERFORM FROM weigate.subject WHERE profile_no = who FOR UPDATE; -- a write may have come between our look and our lock
    PERFORM weigate.subject_drop_orphan(who);
  END LOOP;
  RETURN gone;
END $$;
COMMENT ON FUNCTION weigate.expire_subjects IS 'Takes out keys of people of whom nothing else is left.';

-- Makes the counts of one day. Whoever adds to that day meanwhile holds the day's mark, so that we wait, or makes one that we cannot see.
CREATE FUNCTION weigate.rollup_day(a_day date, app smallint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM weigate.rollup_due WHERE day = a_day AND app_no = app;
  INSERT INTO weigate.daily_rollup (day, app_no, dau, new_people, logins, failures, snapshot_visits)
    SELECT a_day, app, d.dau, d.new_people, d.logins, e.failures, e.snapshot_visits
    FROM (SELECT count(*) AS dau, count(*) FILTER (WHERE is_first) AS new_people, coalesce(sum(logins), 0) AS logins
        FROM weigate.user_day WHERE day = a_day AND app_no = app) d,
      (SELECT count(*) FILTER (WHERE NOT is_login AND NOT is_snapshot) AS failures, count(*) FILTER (WHERE is_snapshot) AS snapshot_visits
        FROM weigate.login_event WHERE event_day = a_day AND app_no = app
          -- The day in any time zone, so that two partitions at most are read.
          AND event_at >= a_day::timestamp AT TIME ZONE 'UTC' - interval '15 hours'
          AND event_at < a_day::timestamp AT TIME ZONE 'UTC' + interval '39 hours') e
    ON CONFLICT (day, app_no) DO UPDATE SET dau = excluded.dau, new_people = excluded.new_people, logins = excluded.logins,
      failures = excluded.failures, snapshot_visits = excluded.snapshot_visits, computed_at = excluded.computed_at;
END $$;
COMMENT ON FUNCTION weigate.rollup_day IS 'Makes the row of daily_rollup for one day of one account.';

-- Days that are over (for an hour, so that no transaction of before midnight is still running) and have no counts, or older ones than their
-- events. Days whose rows retention took away keep the counts they have.
CREATE FUNCTION weigate.rollup_wanted() RETURNS TABLE (day date, app_no smallint) LANGUAGE sql STABLE AS $$
  WITH kept AS (
    SELECT greatest(
      (SELECT max(value)::date FROM weigate.store_meta WHERE name IN ('kept_from.login_event', 'kept_from.user_day')),
      date '1970-01-01') AS from_day
  ), seen AS (
    SELECT a.app_no, least(
        (SELECT d.day FROM weigate.user_day d WHERE d.app_no = a.app_no ORDER BY d.day LIMIT 1),
        ((SELECT e.event_at FROM weigate.login_event e WHERE e.app_no = a.app_no ORDER BY e.event_at LIMIT 1) AT TIME ZONE a.time_zone)::date) AS first_day,
      ((now() - interval '1 hour') AT TIME ZONE a.time_zone)::date - 1 AS last_day
    FROM weigate.app a
  ), span AS ( -- an account that nobody has signed in to has no days
    SELECT s.app_no, greatest(k.from_day, s.first_day) AS first_day, s.last_day FROM seen s, kept k WHERE s.first_day IS NOT NULL
  )
  SELECT s.first_day + n, s.app_no FROM span s, generate_series(0, s.last_day - s.first_day) n
    WHERE NOT EXISTS (SELECT FROM weigate.daily_rollup r WHERE r.day = s.first_day + n AND r.app_no = s.app_no)
  UNION
  SELECT u.day, u.app_no FROM weigate.rollup_due u JOIN span s USING (app_no) JOIN kept k ON u.day >= k.from_day WHERE u.day <= s.last_day
  ORDER BY 1, 2
$$;
COMMENT ON FUNCTION weigate.rollup_wanted IS 'Days whose counts are missing or old.';

-- Of two maintainers the second goes home. A lease that ends by itself, because a lock of the session would stay behind in a pooler.
CREATE FUNCTION weigate.lease_take(a_name text, holder text, seconds integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO weigate.store_meta AS m (name, value) VALUES (a_name, holder || ' ' || (now() + seconds * interval '1 second'))
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = clock_timestamp()
      WHERE split_part(m.value, ' ', 1) IN ('', holder) OR substr(m.value, strpos(m.value, ' ') + 1)::timestamptz < now();
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION weigate.lease_take IS 'Takes or prolongs a lease; false if somebody else holds it.';
CREATE FUNCTION weigate.lease_end(a_name text, holder text) RETURNS void LANGUAGE sql AS $$
  DELETE FROM weigate.store_meta WHERE name = a_name AND split_part(value, ' ', 1) = holder
$$;
COMMENT ON FUNCTION weigate.lease_end IS 'Gives a lease back.';

-- Which columns the files of sql/ have made; a file that takes one away takes it out here too.
CREATE FUNCTION weigate.columns_remember() RETURNS void LANGUAGE sql AS $$
  INSERT INTO weigate.store_meta AS m (name, value)
    SELECT 'column.' || n.nspname || '.' || c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
      WHERE n.nspname IN ('weigate', 'weigate_secret') AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT a.attisdropped
    ON CONFLICT (name) DO NOTHING
$$;
COMMENT ON FUNCTION weigate.columns_remember IS 'Notes which columns there are, so that a missing one is found before anything is written.';

-- The first column that should be there and is not, or is of another type; NULL: all is well. The plugin asks once per connection.
CREATE FUNCTION weigate.column_missing() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT substr(m.name, 8) FROM weigate.store_meta m WHERE m.name LIKE 'column.%' AND NOT EXISTS (
      SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(split_part(m.name, '.', 2) || '.' || split_part(m.name, '.', 3))
        AND a.attname = split_part(m.name, '.', 4) AND NOT a.attisdropped AND format_type(a.atttypid, a.atttypmod) = m.value)
    ORDER BY 1 LIMIT 1
$$;
COMMENT ON FUNCTION weigate.column_missing IS 'The first column that should be there and is not; NULL where all are.';

CREATE FUNCTION weigate.meta_set(a_name text, a_value text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO weigate.store_meta (name, value) VALUES (a_name, a_value)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = clock_timestamp()
$$;
COMMENT ON FUNCTION weigate.meta_set IS 'Writes a fact about the store.';

-- Everything that is stored of one person, under the names of tables and columns; NULL for nobody. Tokens are sealed and say nothing: their
-- times only. With the owner's rights, so that a privacy officer needs no right to any table.
CREATE FUNCTION weigate.privacy_export(an_appid text, an_openid text) RETURNS jsonb LANGUAGE sql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp AS $$
  SELECT jsonb_build_object(
    'appid', s.appid, 'openid', s.openid, 'profile_no', s.profile_no,
    'profile', (SELECT to_jsonb(p) FROM weigate.profile p WHERE p.profile_no = s.profile_no),
    'profile_activity', (SELECT to_jsonb(a) FROM weigate.profile_activity a WHERE a.profile_no = s.profile_no),
    'token', (SELECT jsonb_build_object('token_at', t.token_at,
        'access_expires_at', to_timestamp(t.access_expires_us / 1000000.0), 'refresh_expires_at', to_timestamp(t.refresh_expires_us / 1000000.0))
      FROM weigate_secret.token t WHERE t.profile_no = s.profile_no),
    'profile_history', (SELECT coalesce(jsonb_agg(to_jsonb(h) ORDER BY h.observed_at, h.write_id), '[]') FROM weigate.profile_history h
      WHERE h.profile_no = s.profile_no),
    'login_event', (SELECT coalesce(jsonb_agg(to_jsonb(e) ORDER BY e.event_at, e.event_id), '[]') FROM weigate.login_event e
      WHERE e.profile_no = s.profile_no),
    'user_day', (SELECT coalesce(jsonb_agg(to_jsonb(d) ORDER BY d.day), '[]') FROM weigate.user_day d WHERE d.profile_no = s.profile_no),
    'privacy_request', (SELECT coalesce(jsonb_agg(to_jsonb(r) - 'key_hash' ORDER BY r.request_no), '[]') FROM weigate.privacy_request r
      WHERE r.key_hash = s.key_hash))
  FROM weigate.subject s WHERE s.appid = an_appid AND s.openid = an_openid
$$;
COMMENT ON FUNCTION weigate.privacy_export IS 'Everything that is stored of one person, as one JSON object.';

-- Erases one person as of now; false if there is nobody. weigatectl people erase does the same, and also for somebody who is not here yet.
CREATE FUNCTION weigate.privacy_erase(an_appid text, an_openid text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp AS $$
DECLARE who weigate.person_write;
BEGIN
  SELECT NULL, appid, openid, key_hash INTO who FROM weigate.subject WHERE appid = an_appid AND openid = an_openid;
  IF NOT FOUND THEN RETURN false; END IF;
  who.erased_at := clock_timestamp();
  who.erased_write := gen_random_uuid();
  PERFORM weigate.person_erase(who);
  RETURN true;
END $$;
COMMENT ON FUNCTION weigate.privacy_erase IS 'Erases one person as of now.';

-- Notes a request of a person who is stored here; returns its number, or nothing if there is nobody.
CREATE FUNCTION weigate.privacy_log(a_kind text, an_appid text, an_openid text, due_in interval DEFAULT interval '15 days', a_note text DEFAULT '')
  RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO weigate.privacy_request (kind, key_hash, appid, openid, received_at, due_at, handled_by, note)
    SELECT a_kind, s.key_hash, s.appid, s.openid, now(), now() + due_in, session_user, a_note
    FROM weigate.subject s WHERE s.appid = an_appid AND s.openid = an_openid
    RETURNING request_no
$$;
COMMENT ON FUNCTION weigate.privacy_log IS 'Notes what a person asked for, and until when it must be done.';

-- Closes a request as done or refused; false if there is no open one of that number.
CREATE FUNCTION weigate.privacy_done(a_request_no bigint, an_outcome text DEFAULT 'done', a_note text DEFAULT NULL) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE weigate.privacy_request SET done_at = now(), outcome = an_outcome, note = coalesce(a_note, note), handled_by = session_user
    WHERE request_no = a_request_no AND done_at IS NULL;
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION weigate.privacy_done IS 'Closes a request as done or refused.';

-- What is called from outside looks names up in no schema that somebody may have put before ours, nor does what it calls.
DO $$
DECLARE f regprocedure;
BEGIN
  FOR f IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = 'weigate'::regnamespace AND p.proname IN ('record_signins', 'merge_people',
      'erase_people', 'ticket_claim', 'ticket_put', 'ticket_take', 'partitions_for', 'partitions_ahead', 'partitions_wanted',
      'partitions_ready', 'partitions_past', 'kept_from_set', 'expire', 'rollup_day', 'rollup_wanted', 'lease_take', 'lease_end',
      'columns_remember', 'column_missing', 'meta_set') LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, pg_temp', f);
  END LOOP;
END $$;

SELECT weigate.partitions_ahead();

INSERT INTO weigate.schema_migration (version, name) VALUES (3, 'upkeep');
