-- SPDX-License-Identifier: Apache-2.0
-- What the postgres plugin calls: one function per batch, one transaction each. Outcomes are the numbers of enum weigate_item in
-- <weigate/storage.h>: 1 new, 2 updated, 3 stale, 4 duplicate, 5 erased, 7 missing, 8 taken.

-- One write of a person; a group that is not carried has a NULL time.
CREATE TYPE weigate.person_write AS (
  i integer, appid text, openid text, key_hash bytea, first_seen_at timestamptz, last_seen_at timestamptz,
  profile_at timestamptz, profile_write uuid, nickname text, headimgurl text, privilege text, language text, raw text,
  scope_at timestamptz, scope_write uuid, scope text,
  unionid_at timestamptz, unionid_write uuid, unionid text,
  sex_at timestamptz, sex_write uuid, sex smallint,
  region_at timestamptz, region_write uuid, province text, city text, country text,
  token_at timestamptz, token_write uuid, token_sealed bytea, token_access_us bigint, token_refresh_us bigint,
  erased_at timestamptz, erased_write uuid
);
COMMENT ON TYPE weigate.person_write IS 'One write of a person, and what is stored of one.';
CREATE TYPE weigate.event_write AS (
  i integer, appid text, openid text, key_hash bytea, event_at timestamptz, event_id uuid, event_day integer,
  is_login boolean, is_snapshot boolean, outcome text, stage text, errcode integer, latency_ms bigint,
  scope text, channel text, network text, node text
);
COMMENT ON TYPE weigate.event_write IS 'One event as it comes in.';
CREATE TYPE weigate.ticket_write AS (i integer, kind text, key text, value bytea, expires_at_us bigint, flags integer);
COMMENT ON TYPE weigate.ticket_write IS 'One ticket as it comes in.';

-- Microseconds since 1970; exact, because extract() gives a numeric.
CREATE FUNCTION weigate.us(at timestamptz) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT (extract(epoch FROM at) * 1000000)::bigint $$;

-- What holds for one call: how long a lock may be waited for, and whether the commit waits for the disk.
CREATE FUNCTION weigate.begin_call(lock_ms integer, is_durable boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('lock_timeout', greatest(lock_ms, 1)::text, true);
  IF NOT is_durable THEN PERFORM set_config('synchronous_commit', 'off', true); END IF;
END $$;

CREATE FUNCTION weigate.app_number(an_appid text) RETURNS smallint LANGUAGE plpgsql AS $$
DECLARE found_no smallint;
BEGIN
  SELECT app_no INTO found_no FROM weigate.app WHERE appid = an_appid;
  IF found_no IS NULL THEN
    INSERT INTO weigate.app (appid) VALUES (an_appid) ON CONFLICT (appid) DO NOTHING;
    SELECT app_no INTO found_no FROM weigate.app WHERE appid = an_appid;
  END IF;
  RETURN found_no;
END $$;

-- The person's number; its row is made if it is missing, and locked until the transaction ends. An erasure may take the row away while
-- we wait for it, so that it has to be made again.
CREATE FUNCTION weigate.subject_lock(an_appid text, an_openid text, a_hash bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE found_no bigint;
BEGIN
  LOOP
    SELECT profile_no INTO found_no FROM weigate.subject WHERE appid = an_appid AND openid = an_openid FOR NO KEY UPDATE;
    EXIT WHEN FOUND;
    INSERT INTO weigate.subject (appid, openid, key_hash) VALUES (an_appid, an_openid, a_hash) ON CONFLICT DO NOTHING
      RETURNING profile_no INTO found_no;
    EXIT WHEN FOUND;
  END LOOP;
  RETURN found_no;
END $$;

-- A number that nothing is known about any more stands for nobody.
CREATE FUNCTION weigate.subject_drop_orphan(who bigint) RETURNS void LANGUAGE sql AS $$
  DELETE FROM weigate.subject WHERE profile_no = who
    AND NOT EXISTS (SELECT FROM weigate.profile p WHERE p.profile_no = who)
    AND NOT EXISTS (SELECT FROM weigate.user_day d WHERE d.profile_no = who)
    AND NOT EXISTS (SELECT FROM weigate.login_event e WHERE e.profile_no = who)
$$;

-- A number that stands for nobody: random, so that it says nothing about who it was, and below 0, so that it never becomes somebody.
CREATE FUNCTION weigate.nobody() RETURNS bigint LANGUAGE sql AS
$$ SELECT -1 - ('x' || left(replace(gen_random_uuid()::text, '-', ''), 12) || right(gen_random_uuid()::text, 3))::bit(60)::bigint $$;

-- What is stored; first_seen_at is NULL where there is nobody.
CREATE FUNCTION weigate.person_stored(who bigint) RETURNS weigate.person_write LANGUAGE plpgsql AS $$
DECLARE p weigate.person_write;
BEGIN
  SELECT NULL, NULL, NULL, NULL, s.first_seen_at, s.last_seen_at,
    s.profile_at, s.profile_write, s.nickname, s.headimgurl, s.privilege, s.language, s.raw,
    s.scope_at, s.scope_write, s.scope, s.unionid_at, s.unionid_write, s.unionid, s.sex_at, s.sex_write, s.sex,
    s.region_at, s.region_write, s.province, s.city, s.country,
    t.token_at, t.token_write, t.sealed, t.access_expires_us, t.refresh_expires_us, NULL, NULL
    INTO p FROM weigate.profile s LEFT JOIN weigate_secret.token t USING (profile_no) WHERE s.profile_no = who;
  RETURN p;
END $$;

CREATE FUNCTION weigate.person_put(who bigint, app smallint, p weigate.person_write, with_token boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO weigate.profile AS s (profile_no, app_no, first_seen_at, last_seen_at, profile_at, profile_write, nickname, headimgurl,
      privilege, language, raw, scope_at, scope_write, scope, unionid_at, unionid_write, unionid, sex_at, sex_write, sex,
      region_at, region_write, province, city, country, changed_at)
    VALUES (who, app, p.first_seen_at, p.last_seen_at, p.profile_at, p.profile_write, p.nickname, p.headimgurl,
      p.privilege, p.language, p.raw, p.scope_at, p.scope_write, p.scope, p.unionid_at, p.unionid_write, p.unionid, p.sex_at,
      p.sex_write, p.sex, p.region_at, p.region_write, p.province, p.city, p.country, clock_timestamp())
    ON CONFLICT (profile_no) DO UPDATE SET first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at,
      profile_at = excluded.profile_at, profile_write = excluded.profile_write, nickname = excluded.nickname,
      headimgurl = excluded.headimgurl, privilege = excluded.privilege, language = excluded.language, raw = excluded.raw,
      scope_at = excluded.scope_at, scope_write = excluded.scope_write, scope = excluded.scope,
      unionid_at = excluded.unionid_at, unionid_write = excluded.unionid_write, unionid = excluded.unionid,
      sex_at = excluded.sex_at, sex_write = excluded.sex_write, sex = excluded.sex,
      region_at = excluded.region_at, region_write = excluded.region_write, province = excluded.province, city = excluded.city,
      country = excluded.country, changed_at = excluded.changed_at;
  IF with_token AND p.token_at IS NOT NULL THEN
    INSERT INTO weigate_secret.token VALUES (who, p.token_at, p.token_write, p.token_sealed, p.token_access_us, p.token_refresh_us)
      ON CONFLICT (profile_no) DO UPDATE SET token_at = excluded.token_at, token_write = excluded.token_write,
        sealed = excluded.sealed, access_expires_us = excluded.access_expires_us, refresh_expires_us = excluded.refresh_expires_us;
  ELSIF with_token THEN
    DELETE FROM weigate_secret.token WHERE profile_no = who;
  END IF;
END $$;

-- Takes what is at or before the tombstone out of a record; first_seen_at is NULL if nothing is left.
CREATE FUNCTION weigate.person_strip(INOUT p weigate.person_write, grave_at timestamptz, grave_write uuid) LANGUAGE plpgsql AS $$
DECLARE
  earliest timestamptz := 'infinity';
  latest timestamptz := '-infinity';
  kept integer := 0;
BEGIN
  IF p.last_seen_at > grave_at THEN kept := 1; earliest := p.last_seen_at; latest := p.last_seen_at; END IF;
  IF (p.profile_at, p.profile_write) > (grave_at, grave_write) THEN
    kept := kept + 1; earliest := least(earliest, p.profile_at); latest := greatest(latest, p.profile_at);
  ELSE
    p.profile_at := NULL; p.profile_write := NULL; p.nickname := NULL; p.headimgurl := NULL; p.privilege := NULL; p.language := NULL;
    p.raw := NULL;
  END IF;
  IF (p.scope_at, p.scope_write) > (grave_at, grave_write) THEN
    kept := kept + 1; earliest := least(earliest, p.scope_at); latest := greatest(latest, p.scope_at);
  ELSE
    p.scope_at := NULL; p.scope_write := NULL; p.scope := NULL;
  END IF;
  IF (p.unionid_at, p.unionid_write) > (grave_at, grave_write) THEN
    kept := kept + 1; earliest := least(earliest, p.unionid_at); latest := greatest(latest, p.unionid_at);
  ELSE
    p.unionid_at := NULL; p.unionid_write := NULL; p.unionid := NULL;
  END IF;
  IF (p.sex_at, p.sex_write) > (grave_at, grave_write) THEN
    kept := kept + 1; earliest := least(earliest, p.sex_at); latest := greatest(latest, p.sex_at);
  ELSE
    p.sex_at := NULL; p.sex_write := NULL; p.sex := NULL;
  END IF;
  IF (p.region_at, p.region_write) > (grave_at, grave_write) THEN
    kept := kept + 1; earliest := least(earliest, p.region_at); latest := greatest(latest, p.region_at);
  ELSE
    p.region_at := NULL; p.region_write := NULL; p.province := NULL; p.city := NULL; p.country := NULL;
  END IF;
  IF (p.token_at, p.token_write) > (grave_at, grave_write) THEN
    kept := kept + 1; earliest := least(earliest, p.token_at); latest := greatest(latest, p.token_at);
  ELSE
    p.token_at := NULL; p.token_write := NULL; p.token_sealed := NULL; p.token_access_us := NULL; p.token_refresh_us := NULL;
  END IF;
  IF kept = 0 THEN
    p.first_seen_at := NULL;
    RETURN;
  END IF;
  IF p.first_seen_at <= grave_at THEN p.first_seen_at := earliest; END IF;
  p.last_seen_at := latest;
END $$;

-- A row of history if an attribute differs from before.
CREATE FUNCTION weigate.history_add(who bigint, old weigate.person_write, p weigate.person_write, at timestamptz, write uuid)
  RETURNS void LANGUAGE plpgsql AS $$
DECLARE fields text[] := '{}';
BEGIN
  IF p.nickname IS DISTINCT FROM old.nickname THEN fields := fields || 'nickname'::text; END IF;
  IF p.headimgurl IS DISTINCT FROM old.headimgurl THEN fields := fields || 'headimgurl'::text; END IF;
  IF p.privilege IS DISTINCT FROM old.privilege THEN fields := fields || 'privilege'::text; END IF;
  IF p.language IS DISTINCT FROM old.language THEN fields := fields || 'language'::text; END IF;
  IF p.scope IS DISTINCT FROM old.scope THEN fields := fields || 'scope'::text; END IF;
  IF p.unionid IS DISTINCT FROM old.unionid THEN fields := fields || 'unionid'::text; END IF;
  IF p.sex IS DISTINCT FROM old.sex THEN fields := fields || 'sex'::text; END IF;
  IF p.province IS DISTINCT FROM old.province THEN fields := fields || 'province'::text; END IF;
  IF p.city IS DISTINCT FROM old.city THEN fields := fields || 'city'::text; END IF;
  IF p.country IS DISTINCT FROM old.country THEN fields := fields || 'country'::text; END IF;
  IF fields = '{}' THEN RETURN; END IF;
  INSERT INTO weigate.profile_history (profile_no, observed_at, write_id, changed_fields, nickname, headimgurl, privilege, language,
      scope, unionid, sex, province, city, country)
    VALUES (who, at, write, fields, p.nickname, p.headimgurl, p.privilege, p.language, p.scope, p.unionid, p.sex, p.province, p.city,
      p.country)
    ON CONFLICT (profile_no, observed_at, write_id) DO NOTHING;
END $$;

-- Merges one write: per group the greater (time, write) wins; what is unknown is not carried, so it never takes part.
CREATE FUNCTION weigate.person_merge(w weigate.person_write) RETURNS smallint LANGUAGE plpgsql AS $$
DECLARE
  who bigint := weigate.subject_lock(w.appid, w.openid, w.key_hash);
  app smallint := weigate.app_number(w.appid);
  grave record;
  old weigate.person_write;
  p weigate.person_write;
  is_same boolean := false;
  is_won boolean := false;
  is_token_won boolean := false;
  is_moved boolean := false;
  has_any boolean;
  won_at timestamptz := '-infinity';
  won_write uuid;
BEGIN
  SELECT erased_at, write_id INTO grave FROM weigate.tombstone WHERE key_hash = w.key_hash;
  IF FOUND THEN
    w := weigate.person_strip(w, grave.erased_at, grave.write_id);
    IF w.first_seen_at IS NULL THEN
      PERFORM weigate.subject_drop_orphan(who);
      RETURN 5;
    END IF;
  END IF;
  old := weigate.person_stored(who);
  IF old.first_seen_at IS NULL THEN
    PERFORM weigate.person_put(who, app, w, w.token_at IS NOT NULL);
    SELECT g.at, g.write INTO won_at, won_write FROM (VALUES (w.profile_at, w.profile_write), (w.scope_at, w.scope_write),
      (w.unionid_at, w.unionid_write), (w.sex_at, w.sex_write), (w.region_at, w.region_write)) AS g (at, write)
      WHERE g.at IS NOT NULL ORDER BY g.at DESC, g.write DESC LIMIT 1;
    IF FOUND THEN PERFORM weigate.history_add(who, old, w, won_at, won_write); END IF;
    RETURN 1;
  END IF;
  p := old;
  has_any := coalesce(w.profile_at, w.scope_at, w.unionid_at, w.sex_at, w.region_at, w.token_at) IS NOT NULL;
  IF w.profile_at IS NOT NULL THEN
    IF old.profile_at IS NULL OR (w.profile_at, w.profile_write) > (old.profile_at, old.profile_write) THEN
      p.profile_at := w.profile_at; p.profile_write := w.profile_write; p.nickname := w.nickname; p.headimgurl := w.headimgurl;
      p.privilege := w.privilege; p.language := w.language; p.raw := w.raw;
      is_won := true; won_at := w.profile_at; won_write := w.profile_write;
    ELSIF w.profile_at = old.profile_at AND w.profile_write = old.profile_write THEN is_same := true;
    END IF;
  END IF;
  IF w.scope_at IS NOT NULL THEN
    IF old.scope_at IS NULL OR (w.scope_at, w.scope_write) > (old.scope_at, old.scope_write) THEN
      p.scope_at := w.scope_at; p.scope_write := w.scope_write; p.scope := w.scope;
      is_won := true;
      IF w.scope_at > won_at THEN won_at := w.scope_at; won_write := w.scope_write; END IF;
    ELSIF w.scope_at = old.scope_at AND w.scope_write = old.scope_write THEN is_same := true;
    END IF;
  END IF;
  IF w.unionid_at IS NOT NULL THEN
    IF old.unionid_at IS NULL OR (w.unionid_at, w.unionid_write) > (old.unionid_at, old.unionid_write) THEN
      p.unionid_at := w.unionid_at; p.unionid_write := w.unionid_write; p.unionid := w.unionid;
      is_won := true;
      IF w.unionid_at > won_at THEN won_at := w.unionid_at; won_write := w.unionid_write; END IF;
    ELSIF w.unionid_at = old.unionid_at AND w.unionid_write = old.unionid_write THEN is_same := true;
    END IF;
  END IF;
  IF w.sex_at IS NOT NULL THEN
    IF old.sex_at IS NULL OR (w.sex_at, w.sex_write) > (old.sex_at, old.sex_write) THEN
      p.sex_at := w.sex_at; p.sex_write := w.sex_write; p.sex := w.sex;
      is_won := true;
      IF w.sex_at > won_at THEN won_at := w.sex_at; won_write := w.sex_write; END IF;
    ELSIF w.sex_at = old.sex_at AND w.sex_write = old.sex_write THEN is_same := true;
    END IF;
  END IF;
  IF w.region_at IS NOT NULL THEN
    IF old.region_at IS NULL OR (w.region_at, w.region_write) > (old.region_at, old.region_write) THEN
      p.region_at := w.region_at; p.region_write := w.region_write; p.province := w.province; p.city := w.city; p.country := w.country;
      is_won := true;
      IF w.region_at > won_at THEN won_at := w.region_at; won_write := w.region_write; END IF;
    ELSIF w.region_at = old.region_at AND w.region_write = old.region_write THEN is_same := true;
    END IF;
  END IF;
  IF w.token_at IS NOT NULL THEN
    IF old.token_at IS NULL OR (w.token_at, w.token_write) > (old.token_at, old.token_write) THEN
      p.token_at := w.token_at; p.token_write := w.token_write; p.token_sealed := w.token_sealed;
      p.token_access_us := w.token_access_us; p.token_refresh_us := w.token_refresh_us;
      is_won := true; is_token_won := true;
    ELSIF w.token_at = old.token_at AND w.token_write = old.token_write THEN is_same := true;
    END IF;
  END IF;
  IF w.first_seen_at < old.first_seen_at THEN p.first_seen_at := w.first_seen_at; is_moved := true; END IF;
  IF w.last_seen_at > old.last_seen_at THEN p.last_seen_at := w.last_seen_at; is_moved := true; END IF;
  IF is_won OR is_moved THEN PERFORM weigate.person_put(who, app, p, is_token_won); END IF;
  IF won_write IS NOT NULL THEN PERFORM weigate.history_add(who, old, p, won_at, won_write); END IF;
  RETURN CASE WHEN is_won THEN 2 WHEN NOT is_moved AND (is_same OR NOT has_any) THEN 4 ELSE 3 END;
END $$;

-- The day's counts must be made anew. Whoever makes them takes the mark away first, and so waits for us; what he cannot see yet stays.
CREATE FUNCTION weigate.rollup_mark(a_day date, app smallint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM weigate.rollup_due WHERE day = a_day AND app_no = app LIMIT 1 FOR KEY SHARE;
  IF NOT FOUND THEN INSERT INTO weigate.rollup_due (day, app_no) VALUES (a_day, app); END IF;
END $$;

-- A completed sign-in on a day before all that were known: that day is the first one now.
CREATE FUNCTION weigate.first_day_move(who bigint, app smallint, from_day date) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE weigate.user_day SET is_first = false WHERE day = from_day AND app_no = app AND profile_no = who;
  PERFORM weigate.rollup_mark(from_day, app);
END $$;

-- Counts one completed sign-in that was really inserted.
CREATE FUNCTION weigate.login_count_add(who bigint, app smallint, a_day date, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  first_day date := (SELECT first_login_day FROM weigate.profile_activity WHERE profile_no = who);
  is_new_day boolean;
BEGIN
  INSERT INTO weigate.user_day AS d (day, app_no, profile_no, logins, last_login_at, is_first)
    VALUES (a_day, app, who, 1, at, first_day IS NULL OR a_day < first_day)
    ON CONFLICT (day, app_no, profile_no) DO UPDATE SET logins = d.logins + 1, last_login_at = greatest(d.last_login_at, at)
    RETURNING d.logins = 1 INTO is_new_day;
  IF a_day < first_day THEN PERFORM weigate.first_day_move(who, app, first_day); END IF;
  INSERT INTO weigate.profile_activity AS a (profile_no, app_no, last_login_at, first_login_day, last_login_day, login_count, login_days, days60)
    VALUES (who, app, at, a_day, a_day, 1, 1, 1)
    ON CONFLICT (profile_no) DO UPDATE SET
      last_login_at = greatest(a.last_login_at, at),
      first_login_day = least(a.first_login_day, a_day),
      last_login_day = greatest(a.last_login_day, a_day),
      login_count = a.login_count + 1,
      login_days = a.login_days + is_new_day::integer,
      days60 = CASE
        WHEN a_day - a.last_login_day >= 60 THEN 1
        WHEN a_day > a.last_login_day THEN (a.days60 << (a_day - a.last_login_day)) & ((1::bigint << 60) - 1) | 1
        WHEN a.last_login_day - a_day < 60 THEN a.days60 | (1::bigint << (a.last_login_day - a_day))
        ELSE a.days60 END;
END $$;

CREATE FUNCTION weigate.event_add(e weigate.event_write) RETURNS smallint LANGUAGE plpgsql AS $$
DECLARE
  app smallint := weigate.app_number(e.appid);
  today date := (SELECT (now() AT TIME ZONE a.time_zone)::date FROM weigate.app a WHERE a.app_no = app);
  who bigint;
  a_day date := date '1970-01-01' + e.event_day;
BEGIN
  IF e.openid <> '' THEN
    who := weigate.subject_lock(e.appid, e.openid, e.key_hash);
    IF EXISTS (SELECT FROM weigate.tombstone WHERE key_hash = e.key_hash AND erased_at >= e.event_at) THEN
      PERFORM weigate.subject_drop_orphan(who);
      who := NULL;
    END IF;
  END IF;
  INSERT INTO weigate.login_event (event_at, event_id, app_no, profile_no, event_day, is_login, is_snapshot, outcome, stage, errcode,
      latency_ms, scope, channel, network, node)
    VALUES (e.event_at, e.event_id, app, who, a_day, e.is_login, e.is_snapshot, e.outcome, e.stage, e.errcode, e.latency_ms, e.scope,
      e.channel, e.network, e.node)
    ON CONFLICT (event_at, event_id) DO NOTHING;
  IF NOT FOUND THEN RETURN 4; END IF;
  IF a_day < today THEN PERFORM weigate.rollup_mark(a_day, app); END IF;
  IF e.is_login AND who IS NOT NULL THEN PERFORM weigate.login_count_add(who, app, a_day, e.event_at); END IF;
  RETURN 1;
END $$;

-- Numbers grow with the transaction's id, so that what a scan has not seen yet lies behind the oldest transaction still running.
CREATE FUNCTION weigate.ticket_number(place integer) RETURNS bigint LANGUAGE sql AS
$$ SELECT pg_current_xact_id()::text::bigint * 1024 + place $$;

CREATE FUNCTION weigate.ticket_store(t weigate.ticket_write) RETURNS void LANGUAGE sql AS $$
  INSERT INTO weigate.ticket VALUES (t.kind, t.key, t.value, t.expires_at_us, t.flags, weigate.ticket_number(t.i))
    ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, expires_at_us = excluded.expires_at_us, flags = excluded.flags,
      number = excluded.number
$$;

-- One batch of sign-ins. Tickets, then people with their events, each in key order, so that two batches never wait for each other in a
-- ring. An item reports its person, else its event, else its ticket; the array's element n + 1 is item n's.
CREATE FUNCTION weigate.record_signins(people jsonb, events jsonb, tickets jsonb, item_count integer, lock_ms integer)
  RETURNS smallint[] LANGUAGE plpgsql AS $$
DECLARE
  outcomes smallint[] := array_fill(0::smallint, ARRAY[item_count]);
  pair record;
  t weigate.ticket_write;
BEGIN
  PERFORM weigate.begin_call(lock_ms, true);
  FOR t IN SELECT * FROM jsonb_populate_recordset(NULL::weigate.ticket_write, tickets) r
      ORDER BY r.kind COLLATE "C", r.key COLLATE "C", r.i LOOP
    PERFORM weigate.ticket_store(t);
    outcomes[t.i + 1] := 2;
  END LOOP;
  FOR pair IN SELECT w, e, coalesce(w.i, e.i) + 1 AS place
      FROM jsonb_populate_recordset(NULL::weigate.person_write, people) w
      FULL JOIN jsonb_populate_recordset(NULL::weigate.event_write, events) e ON w.i = e.i
      ORDER BY coalesce(w.appid, e.appid) COLLATE "C", coalesce(w.openid, e.openid) COLLATE "C", 3 LOOP
    IF (pair.e).i IS NOT NULL AND (pair.w).i IS NULL THEN
      outcomes[pair.place] := weigate.event_add(pair.e);
      CONTINUE;
    END IF;
    outcomes[pair.place] := weigate.person_merge(pair.w);
    IF (pair.e).i IS NOT NULL THEN PERFORM weigate.event_add(pair.e); END IF;
  END LOOP;
  RETURN outcomes;
END $$;

-- Puts a tombstone unless the same or a later one stands there. The caller holds the person's lock, or the table's.
CREATE FUNCTION weigate.tombstone_put(a_hash bytea, at timestamptz, write uuid) RETURNS smallint LANGUAGE plpgsql AS $$
DECLARE
  old record;
  is_found boolean;
BEGIN
  SELECT erased_at, write_id INTO old FROM weigate.tombstone WHERE key_hash = a_hash;
  is_found := FOUND;
  IF is_found AND (at, write) = (old.erased_at, old.write_id) THEN RETURN 4; END IF;
  IF is_found AND (at, write) < (old.erased_at, old.write_id) THEN RETURN 3; END IF;
  INSERT INTO weigate.tombstone VALUES (a_hash, at, write, clock_timestamp())
    ON CONFLICT (key_hash) DO UPDATE SET erased_at = at, write_id = write, changed_at = clock_timestamp();
  RETURN CASE WHEN is_found THEN 2 ELSE 1 END;
END $$;

-- Moves a person's events and days of before the stamp to a number that stands for nobody, so that totals stay. A day on which the person
-- came back is split.
CREATE FUNCTION weigate.events_erase(who bigint, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  nobody bigint := weigate.nobody();
  shared record;
BEGIN
  UPDATE weigate.login_event SET profile_no = nobody, network = '' WHERE profile_no = who AND event_at <= at;
  FOR shared IN SELECT d.day, d.app_no, d.logins, d.is_first, k.kept, g.last_gone_at, d.last_login_at
      FROM weigate.user_day d
      CROSS JOIN LATERAL (SELECT count(*)::integer AS kept FROM weigate.login_event e
        WHERE e.profile_no = who AND e.event_day = d.day AND e.is_login) k
      CROSS JOIN LATERAL (SELECT max(e.event_at) AS last_gone_at FROM weigate.login_event e
        WHERE e.profile_no = nobody AND e.event_day = d.day AND e.is_login) g
      WHERE d.profile_no = who AND d.last_login_at > at AND g.last_gone_at IS NOT NULL AND k.kept < d.logins LOOP
    INSERT INTO weigate.user_day (day, app_no, profile_no, logins, last_login_at, is_first)
      VALUES (shared.day, shared.app_no, nobody, shared.logins - shared.kept, shared.last_gone_at, shared.is_first);
    UPDATE weigate.user_day SET logins = shared.kept WHERE day = shared.day AND app_no = shared.app_no AND profile_no = who;
  END LOOP;
  UPDATE weigate.user_day SET profile_no = nobody WHERE profile_no = who AND last_login_at <= at;
  PERFORM weigate.activity_remake(who);
END $$;

-- Counts what is left of a person anew from its days.
CREATE FUNCTION weigate.activity_remake(who bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM weigate.profile_activity WHERE profile_no = who;
  INSERT INTO weigate.profile_activity (profile_no, app_no, last_login_at, first_login_day, last_login_day, login_count, login_days, days60)
    SELECT who, min(app_no), max(last_login_at), min(day), max(day), sum(logins), count(*),
      bit_or(CASE WHEN l.last_day - day < 60 THEN 1::bigint << (l.last_day - day) ELSE 0 END)
    FROM weigate.user_day, (SELECT max(day) AS last_day FROM weigate.user_day WHERE profile_no = who) l
    WHERE profile_no = who HAVING count(*) > 0;
  UPDATE weigate.user_day d SET is_first = true FROM weigate.profile_activity a
    WHERE a.profile_no = who AND d.profile_no = who AND d.day = a.first_login_day AND NOT d.is_first;
END $$;

-- Erases what is known of a number up to the stamp. True if there was a person.
CREATE FUNCTION weigate.subject_erase(who bigint, at timestamptz, write uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  old weigate.person_write := weigate.person_stored(who);
  kept weigate.person_write;
  app smallint;
BEGIN
  IF old.first_seen_at IS NOT NULL THEN
    kept := weigate.person_strip(old, at, write);
    IF kept.first_seen_at IS NULL THEN
      DELETE FROM weigate.profile WHERE profile_no = who;
      DELETE FROM weigate_secret.token WHERE profile_no = who;
    ELSE
      SELECT app_no INTO app FROM weigate.profile WHERE profile_no = who;
      PERFORM weigate.person_put(who, app, kept, true);
    END IF;
  END IF;
  -- Also later rows may still show attributes of before: what the person said anew is in profile.
  DELETE FROM weigate.profile_history WHERE profile_no = who;
  PERFORM weigate.mart_forget(who);
  PERFORM weigate.events_erase(who, at);
  RETURN old.first_seen_at IS NOT NULL;
END $$;

-- What the log of requests knows of an erased person: that it asked, and that it was erased.
CREATE FUNCTION weigate.requests_erase(a_hash bytea) RETURNS void LANGUAGE sql AS $$
  UPDATE weigate.privacy_request SET appid = NULL, openid = NULL,
      done_at = CASE WHEN kind = 'erase' THEN coalesce(done_at, clock_timestamp()) ELSE done_at END,
      outcome = CASE WHEN kind = 'erase' AND outcome = '' THEN 'done' ELSE outcome END
    WHERE key_hash = a_hash AND (openid IS NOT NULL OR kind = 'erase' AND done_at IS NULL)
$$;

CREATE FUNCTION weigate.person_erase(k weigate.person_write) RETURNS smallint LANGUAGE plpgsql AS $$
DECLARE
  who bigint := weigate.subject_lock(k.appid, k.openid, k.key_hash);
  outcome smallint := weigate.tombstone_put(k.key_hash, k.erased_at, k.erased_write);
BEGIN
  IF outcome IN (1, 2) THEN outcome := CASE WHEN weigate.subject_erase(who, k.erased_at, k.erased_write) THEN 2 ELSE 7 END; END IF;
  PERFORM weigate.requests_erase(k.key_hash);
  PERFORM weigate.subject_drop_orphan(who);
  RETURN outcome;
END $$;

CREATE FUNCTION weigate.erase_people(keys jsonb, item_count integer, lock_ms integer) RETURNS smallint[] LANGUAGE plpgsql AS $$
DECLARE
  outcomes smallint[] := array_fill(0::smallint, ARRAY[item_count]);
  k weigate.person_write;
BEGIN
  PERFORM weigate.begin_call(lock_ms, true);
  FOR k IN SELECT * FROM jsonb_populate_recordset(NULL::weigate.person_write, keys) r
      ORDER BY r.appid COLLATE "C", r.openid COLLATE "C", r.i LOOP
    outcomes[k.i + 1] := weigate.person_erase(k);
  END LOOP;
  RETURN outcomes;
END $$;

-- A tombstone of another store: the person is known by the hash only. The table's lock keeps a new person with that key from coming in
-- between our look and our commit.
CREATE FUNCTION weigate.tombstone_merge(k weigate.person_write) RETURNS smallint LANGUAGE plpgsql AS $$
DECLARE
  outcome smallint := weigate.tombstone_put(k.key_hash, k.erased_at, k.erased_write);
  who bigint;
BEGIN
  IF outcome NOT IN (1, 2) THEN RETURN outcome; END IF;
  SELECT profile_no INTO who FROM weigate.subject WHERE key_hash = k.key_hash;
  IF FOUND THEN
    PERFORM weigate.subject_erase(who, k.erased_at, k.erased_write);
    PERFORM weigate.subject_drop_orphan(who);
  END IF;
  PERFORM weigate.requests_erase(k.key_hash);
  RETURN outcome;
END $$;

-- Locks everybody of a batch in key order, and makes the rows that are missing. Where all are missing a plain insert will do, and is half the
-- work; else one statement inserts or locks: its update never happens. Plans: a table that was empty when one was made must not be read whole
-- for ever after, so that keys are always looked up.
CREATE FUNCTION weigate.subjects_lock(batch weigate.person_write[]) RETURNS void LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM unnest(batch) b JOIN weigate.subject s ON s.appid = b.appid AND s.openid = b.openid) THEN
    BEGIN
      INSERT INTO weigate.subject (appid, openid, key_hash)
        SELECT DISTINCT b.appid COLLATE "C", b.openid COLLATE "C", b.key_hash FROM unnest(batch) b WHERE b.erased_at IS NULL ORDER BY 1, 2;
      RETURN;
    EXCEPTION WHEN unique_violation THEN NULL; -- somebody came in between
    END;
  END IF;
  INSERT INTO weigate.subject AS s (appid, openid, key_hash)
    SELECT DISTINCT b.appid COLLATE "C", b.openid COLLATE "C", b.key_hash FROM unnest(batch) b WHERE b.erased_at IS NULL ORDER BY 1, 2
    ON CONFLICT (appid, openid) DO UPDATE SET key_hash = s.key_hash WHERE false;
END $$;

-- The items of a batch of locked people that are told in one statement: somebody new, and what is known already. Those with a tombstone, twice in
-- the batch, or with anything to change are left to person_merge.
CREATE FUNCTION weigate.people_insert(batch weigate.person_write[]) RETURNS TABLE (place integer, outcome smallint) LANGUAGE plpgsql
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH items AS MATERIALIZED (
    SELECT w.*, s.profile_no, a.app_no, count(*) OVER (PARTITION BY w.appid, w.openid) AS times FROM unnest(batch) w
      JOIN weigate.subject s ON s.appid = w.appid AND s.openid = w.openid JOIN weigate.app a ON a.appid = w.appid
      WHERE w.erased_at IS NULL AND NOT EXISTS (SELECT FROM weigate.tombstone t WHERE t.key_hash = w.key_hash)
  ), known AS (
    SELECT w.i, ((w.profile_at, w.profile_write) = (p.profile_at, p.profile_write)
          OR (w.scope_at, w.scope_write) = (p.scope_at, p.scope_write) OR (w.unionid_at, w.unionid_write) = (p.unionid_at, p.unionid_write)
          OR (w.sex_at, w.sex_write) = (p.sex_at, p.sex_write) OR (w.region_at, w.region_write) = (p.region_at, p.region_write)
          OR (w.token_at, w.token_write) = (t.token_at, t.token_write)) IS TRUE
        OR coalesce(w.profile_at, w.scope_at, w.unionid_at, w.sex_at, w.region_at, w.token_at) IS NULL AS is_same
      FROM items w JOIN weigate.profile p USING (profile_no) LEFT JOIN weigate_secret.token t USING (profile_no)
      WHERE w.times = 1 AND w.first_seen_at >= p.first_seen_at AND w.last_seen_at <= p.last_seen_at
        AND (w.profile_at IS NULL OR (w.profile_at, w.profile_write) <= (p.profile_at, p.profile_write))
        AND (w.scope_at IS NULL OR (w.scope_at, w.scope_write) <= (p.scope_at, p.scope_write))
        AND (w.unionid_at IS NULL OR (w.unionid_at, w.unionid_write) <= (p.unionid_at, p.unionid_write))
        AND (w.sex_at IS NULL OR (w.sex_at, w.sex_write) <= (p.sex_at, p.sex_write))
        AND (w.region_at IS NULL OR (w.region_at, w.region_write) <= (p.region_at, p.region_write))
        AND (w.token_at IS NULL OR (w.token_at, w.token_write) <= (t.token_at, t.token_write))
  ), fresh AS MATERIALIZED (
    SELECT * FROM items w WHERE w.times = 1 AND NOT EXISTS (SELECT FROM weigate.profile p WHERE p.profile_no = w.profile_no)
  ), profiles AS (
    INSERT INTO weigate.profile (profile_no, app_no, first_seen_at, last_seen_at, profile_at, profile_write, nickname, headimgurl,
        privilege, language, raw, scope_at, scope_write, scope, unionid_at, unionid_write, unionid, sex_at, sex_write, sex,
        region_at, region_write, province, city, country, changed_at)
      SELECT profile_no, app_no, first_seen_at, last_seen_at, profile_at, profile_write, nickname, headimgurl,
        privilege, language, raw, scope_at, scope_write, scope, unionid_at, unionid_write, unionid, sex_at, sex_write, sex,
        region_at, region_write, province, city, country, clock_timestamp() FROM fresh
  ), tokens AS (
    INSERT INTO weigate_secret.token (profile_no, token_at, token_write, sealed, access_expires_us, refresh_expires_us)
      SELECT profile_no, token_at, token_write, token_sealed, token_access_us, token_refresh_us FROM fresh WHERE token_at IS NOT NULL
  ), history AS (
    INSERT INTO weigate.profile_history (profile_no, observed_at, write_id, changed_fields, nickname, headimgurl, privilege, language,
        scope, unionid, sex, province, city, country)
      SELECT profile_no, g.at, g.write, CASE WHEN profile_at IS NOT NULL THEN '{nickname,headimgurl,privilege,language}'::text[] ELSE '{}' END
          || CASE WHEN scope_at IS NOT NULL THEN '{scope}'::text[] END || CASE WHEN unionid_at IS NOT NULL THEN '{unionid}'::text[] END
          || CASE WHEN sex_at IS NOT NULL THEN '{sex}'::text[] END
          || CASE WHEN region_at IS NOT NULL THEN '{province,city,country}'::text[] END,
        nickname, headimgurl, privilege, language, scope, unionid, sex, province, city, country
      FROM fresh, LATERAL (SELECT s.at, s.write FROM (VALUES (profile_at, profile_write), (scope_at, scope_write),
        (unionid_at, unionid_write), (sex_at, sex_write), (region_at, region_write)) AS s (at, write)
        WHERE s.at IS NOT NULL ORDER BY s.at DESC, s.write DESC LIMIT 1) g
  )
  SELECT f.i, 1::smallint FROM fresh f UNION ALL SELECT k.i, CASE WHEN k.is_same THEN 4 ELSE 3 END::smallint FROM known k;
END $$;

-- Whole records; one with erased_at is a tombstone.
CREATE FUNCTION weigate.merge_people(people jsonb, item_count integer, lock_ms integer) RETURNS smallint[] LANGUAGE plpgsql AS $$
DECLARE
  outcomes smallint[] := array_fill(0::smallint, ARRAY[item_count]);
  batch weigate.person_write[] := ARRAY(SELECT r FROM jsonb_populate_recordset(NULL::weigate.person_write, people) r
    ORDER BY r.appid COLLATE "C", r.openid COLLATE "C", r.key_hash, r.i);
  w weigate.person_write;
  told record;
BEGIN
  PERFORM weigate.begin_call(lock_ms, true);
  IF EXISTS (SELECT FROM unnest(batch) r WHERE r.erased_at IS NOT NULL) THEN
    LOCK TABLE weigate.subject IN SHARE ROW EXCLUSIVE MODE;
  END IF;
  PERFORM weigate.app_number(k.appid) FROM (SELECT DISTINCT appid FROM unnest(batch) WHERE erased_at IS NULL) k;
  PERFORM weigate.subjects_lock(batch);
  FOR told IN SELECT * FROM weigate.people_insert(batch) LOOP
    outcomes[told.place + 1] := told.outcome;
  END LOOP;
  FOREACH w IN ARRAY batch LOOP
    CONTINUE WHEN outcomes[w.i + 1] <> 0;
    IF w.erased_at IS NOT NULL THEN
      outcomes[w.i + 1] := weigate.tombstone_merge(w);
    ELSE
      outcomes[w.i + 1] := weigate.person_merge(w);
    END IF;
  END LOOP;
  IF item_count > 1 THEN
    INSERT INTO weigate.ingest_batch (source, begun_at, items, fresh, updated)
      SELECT coalesce(nullif(current_setting('application_name'), ''), 'unknown'), now(), item_count,
        count(*) FILTER (WHERE o = 1), count(*) FILTER (WHERE o = 2) FROM unnest(outcomes) o;
  END IF;
  RETURN outcomes;
END $$;

-- Insert-if-absent, each item for itself; with what is there where it was not absent.
CREATE FUNCTION weigate.ticket_claim(tickets jsonb, now_us bigint, is_durable boolean, lock_ms integer)
  RETURNS TABLE (place integer, outcome smallint, value bytea, expires_at_us bigint, flags integer) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  t weigate.ticket_write;
  there record;
BEGIN
  PERFORM weigate.begin_call(lock_ms, is_durable);
  FOR t IN SELECT * FROM jsonb_populate_recordset(NULL::weigate.ticket_write, tickets) r
      ORDER BY r.kind COLLATE "C", r.key COLLATE "C", r.i LOOP
    LOOP
      INSERT INTO weigate.ticket AS h VALUES (t.kind, t.key, t.value, t.expires_at_us, t.flags, weigate.ticket_number(t.i))
        ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, expires_at_us = excluded.expires_at_us, flags = excluded.flags,
          number = excluded.number WHERE h.expires_at_us <= now_us;
      IF FOUND THEN
        RETURN QUERY SELECT t.i, 1::smallint, NULL::bytea, NULL::bigint, NULL::integer;
        EXIT;
      END IF;
      SELECT h.value, h.expires_at_us, h.flags INTO there FROM weigate.ticket h WHERE h.kind = t.kind AND h.key = t.key;
      CONTINUE WHEN NOT FOUND;
      RETURN QUERY SELECT t.i, CASE WHEN there.value = t.value AND there.expires_at_us = t.expires_at_us THEN 4 ELSE 8 END::smallint,
        there.value, there.expires_at_us, there.flags;
      EXIT;
    END LOOP;
  END LOOP;
END $$;

CREATE FUNCTION weigate.ticket_put(tickets jsonb, now_us bigint, item_count integer, is_durable boolean, lock_ms integer)
  RETURNS smallint[] LANGUAGE plpgsql AS $$
DECLARE
  outcomes smallint[] := array_fill(0::smallint, ARRAY[item_count]);
  t weigate.ticket_write;
BEGIN
  PERFORM weigate.begin_call(lock_ms, is_durable);
  FOR t IN SELECT * FROM jsonb_populate_recordset(NULL::weigate.ticket_write, tickets) r
      ORDER BY r.kind COLLATE "C", r.key COLLATE "C", r.i LOOP
    PERFORM FROM weigate.ticket h WHERE h.kind = t.kind AND h.key = t.key AND h.expires_at_us > now_us FOR UPDATE;
    outcomes[t.i + 1] := CASE WHEN FOUND THEN 2 ELSE 1 END;
    PERFORM weigate.ticket_store(t);
  END LOOP;
  RETURN outcomes;
END $$;

-- Removes what is there and returns it; of two takers one gets it.
CREATE FUNCTION weigate.ticket_take(keys jsonb, is_durable boolean, lock_ms integer)
  RETURNS TABLE (place integer, value bytea, expires_at_us bigint, flags integer) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE t weigate.ticket_write;
BEGIN
  PERFORM weigate.begin_call(lock_ms, is_durable);
  FOR t IN SELECT * FROM jsonb_populate_recordset(NULL::weigate.ticket_write, keys) r
      ORDER BY r.kind COLLATE "C", r.key COLLATE "C", r.i LOOP
    RETURN QUERY DELETE FROM weigate.ticket h WHERE h.kind = t.kind AND h.key = t.key
      RETURNING t.i, h.value, h.expires_at_us, h.flags;
  END LOOP;
END $$;

INSERT INTO weigate.schema_migration (version, name) VALUES (2, 'functions');
