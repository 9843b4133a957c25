-- SPDX-License-Identifier: Apache-2.0
-- weigate's tables in PostgreSQL 14 or later. Applied by `weigatectl storage init`, or by hand, in order, each file in one transaction:
--   psql -1 -v ON_ERROR_STOP=1 -f 0001_tables.sql
-- Whoever applies it owns the tables. The limits in the CHECKs are those of <weigate/storage.h>.
CREATE SCHEMA weigate;
CREATE SCHEMA weigate_secret;
COMMENT ON SCHEMA weigate IS 'People who signed in with WeChat, their sign-ins, and what weigate''s workers agree through.';
COMMENT ON SCHEMA weigate_secret IS 'Sealed WeChat tokens; nothing in it can be read without weigate''s keys file.';

CREATE TABLE weigate.schema_migration (
  version integer PRIMARY KEY,
  name text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  applied_by text NOT NULL DEFAULT current_user,
  checksum text
);
COMMENT ON TABLE weigate.schema_migration IS 'Which numbered files have been applied.';
COMMENT ON COLUMN weigate.schema_migration.version IS 'The file''s number.';
COMMENT ON COLUMN weigate.schema_migration.name IS 'The file''s name without its number.';
COMMENT ON COLUMN weigate.schema_migration.applied_at IS 'When it was applied.';
COMMENT ON COLUMN weigate.schema_migration.applied_by IS 'The database role that applied it.';
COMMENT ON COLUMN weigate.schema_migration.checksum IS 'SHA-256 of the file, where weigatectl applied it or printed it; NULL by hand.';

CREATE TABLE weigate.store_meta (
  name text COLLATE "C" PRIMARY KEY,
  value text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE weigate.store_meta IS 'Facts about the store itself: when it was maintained last, what retention it was given, who maintains it now.';
COMMENT ON COLUMN weigate.store_meta.name IS 'Which fact.';
COMMENT ON COLUMN weigate.store_meta.value IS 'The fact.';
COMMENT ON COLUMN weigate.store_meta.changed_at IS 'When it was written, by the database''s clock.';

CREATE TABLE weigate.app (
  app_no smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  appid text COLLATE "C" NOT NULL UNIQUE CHECK (octet_length(appid) BETWEEN 1 AND 64),
  kind text NOT NULL DEFAULT '' CHECK (kind IN ('', 'official_account', 'website', 'mini_program')),
  display_name text NOT NULL DEFAULT '',
  time_zone text NOT NULL DEFAULT 'Asia/Shanghai' CHECK (timezone(time_zone, timestamptz '2000-01-01') IS NOT NULL),
  open_platform_id text COLLATE "C" NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE weigate.app IS 'WeChat accounts, one row each, made when the first record arrives; names may be filled in by hand.';
COMMENT ON COLUMN weigate.app.app_no IS 'Number that other tables refer to.';
COMMENT ON COLUMN weigate.app.appid IS 'WeChat''s AppID.';
COMMENT ON COLUMN weigate.app.kind IS 'For reports: official_account, website, mini_program, or empty; weigate never writes it.';
COMMENT ON COLUMN weigate.app.display_name IS 'For reports; weigate never writes it.';
COMMENT ON COLUMN weigate.app.time_zone IS 'For reports: name of the zone in which hours are shown. Days are counted by the account''s time_zone in weigate.conf: keep the two alike. weigate never writes it.';
COMMENT ON COLUMN weigate.app.open_platform_id IS 'For reports: unionids are unique inside one Open Platform account. weigate never writes it.';
COMMENT ON COLUMN weigate.app.created_at IS 'When the first record of the account arrived.';

CREATE TABLE weigate.subject (
  appid text COLLATE "C" NOT NULL CHECK (octet_length(appid) BETWEEN 1 AND 64),
  openid text COLLATE "C" NOT NULL CHECK (octet_length(openid) BETWEEN 1 AND 128),
  profile_no bigint GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME weigate.profile_no) UNIQUE,
  key_hash bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
  PRIMARY KEY (appid, openid)
);
COMMENT ON TABLE weigate.subject IS 'Which WeChat user a profile_no stands for: the only place that links the two. Its row is locked while a person is written.';
COMMENT ON COLUMN weigate.subject.appid IS 'WeChat''s AppID.';
COMMENT ON COLUMN weigate.subject.openid IS 'WeChat''s openid: one person of one account.';
COMMENT ON COLUMN weigate.subject.profile_no IS 'The pseudonym under which all other tables know the person.';
COMMENT ON COLUMN weigate.subject.key_hash IS 'BLAKE2b-256 of appid, a NUL byte, openid: how tombstones of other stores name the person.';

CREATE TABLE weigate.profile (
  profile_no bigint PRIMARY KEY,
  app_no smallint NOT NULL REFERENCES weigate.app,
  first_seen_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  profile_at timestamptz, profile_write uuid,
  nickname text CHECK (octet_length(nickname) <= 1024), headimgurl text CHECK (octet_length(headimgurl) <= 2048),
  privilege text CHECK (octet_length(privilege) <= 4096), language text CHECK (octet_length(language) <= 64),
  raw text CHECK (octet_length(raw) <= 8192),
  scope_at timestamptz, scope_write uuid, scope text CHECK (octet_length(scope) <= 256),
  unionid_at timestamptz, unionid_write uuid, unionid text COLLATE "C" CHECK (octet_length(unionid) BETWEEN 1 AND 128),
  sex_at timestamptz, sex_write uuid, sex smallint CHECK (sex BETWEEN 1 AND 2),
  region_at timestamptz, region_write uuid, province text CHECK (octet_length(province) <= 256),
  city text CHECK (octet_length(city) <= 256), country text CHECK (octet_length(country) <= 256),
  changed_at timestamptz NOT NULL,
  CHECK ((profile_at IS NULL) = (nickname IS NULL)),
  CHECK ((scope_at IS NULL) = (scope IS NULL)),
  CHECK ((unionid_at IS NULL) = (unionid IS NULL)),
  CHECK ((sex_at IS NULL) = (sex IS NULL)),
  CHECK ((region_at IS NULL) = (city IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX profile_unionid ON weigate.profile (unionid) WHERE unionid IS NOT NULL;
COMMENT ON TABLE weigate.profile IS 'People, as WeChat described them last. NULL: never observed. A group of columns changes as one, and the later observation wins.';
COMMENT ON COLUMN weigate.profile.profile_no IS 'Pseudonym of the person.';
COMMENT ON COLUMN weigate.profile.app_no IS 'Account the person signed in to.';
COMMENT ON COLUMN weigate.profile.first_seen_at IS 'Earliest sign-in known; begins anew after an erasure.';
COMMENT ON COLUMN weigate.profile.last_seen_at IS 'Latest time the person was seen.';
COMMENT ON COLUMN weigate.profile.profile_at IS 'When nickname, headimgurl, privilege, language and raw were observed.';
COMMENT ON COLUMN weigate.profile.profile_write IS 'By which write; decides between equal times.';
COMMENT ON COLUMN weigate.profile.nickname IS 'Nickname; personal data.';
COMMENT ON COLUMN weigate.profile.headimgurl IS 'Address of the picture; personal data.';
COMMENT ON COLUMN weigate.profile.privilege IS 'JSON array of strings as WeChat spelled it, or empty.';
COMMENT ON COLUMN weigate.profile.language IS 'Language of the person''s WeChat.';
COMMENT ON COLUMN weigate.profile.raw IS 'JSON object with members of WeChat''s answer that have no column, or empty.';
COMMENT ON COLUMN weigate.profile.scope_at IS 'When scope was observed.';
COMMENT ON COLUMN weigate.profile.scope_write IS 'By which write.';
COMMENT ON COLUMN weigate.profile.scope IS 'What the person granted last.';
COMMENT ON COLUMN weigate.profile.unionid_at IS 'When unionid was observed.';
COMMENT ON COLUMN weigate.profile.unionid_write IS 'By which write.';
COMMENT ON COLUMN weigate.profile.unionid IS 'The person across the accounts of one Open Platform account.';
COMMENT ON COLUMN weigate.profile.sex_at IS 'When sex was observed; mostly before October 2021, when WeChat stopped telling.';
COMMENT ON COLUMN weigate.profile.sex_write IS 'By which write.';
COMMENT ON COLUMN weigate.profile.sex IS '1 male, 2 female, NULL unknown.';
COMMENT ON COLUMN weigate.profile.region_at IS 'When province, city and country were observed; mostly before October 2021.';
COMMENT ON COLUMN weigate.profile.region_write IS 'By which write.';
COMMENT ON COLUMN weigate.profile.province IS 'Province as the person set it.';
COMMENT ON COLUMN weigate.profile.city IS 'City as the person set it.';
COMMENT ON COLUMN weigate.profile.country IS 'Country as the person set it.';
COMMENT ON COLUMN weigate.profile.changed_at IS 'When this row changed, by the database''s clock.';

CREATE TABLE weigate.profile_activity (
  profile_no bigint PRIMARY KEY,
  last_login_at timestamptz NOT NULL,
  login_count bigint NOT NULL CHECK (login_count > 0),
  days60 bigint NOT NULL CHECK (days60 & 1 = 1),
  first_login_day date NOT NULL,
  last_login_day date NOT NULL,
  login_days integer NOT NULL CHECK (login_days BETWEEN 1 AND login_count),
  app_no smallint NOT NULL,
  CHECK (first_login_day <= last_login_day)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
COMMENT ON TABLE weigate.profile_activity IS 'Counts of completed sign-ins, fed by events that were really inserted. No index but the key, so that updates stay in their page.';
COMMENT ON COLUMN weigate.profile_activity.profile_no IS 'Pseudonym of the person.';
COMMENT ON COLUMN weigate.profile_activity.app_no IS 'Account, as in profile, so that "how many today" is answered by one scan.';
COMMENT ON COLUMN weigate.profile_activity.last_login_at IS 'Latest completed sign-in.';
COMMENT ON COLUMN weigate.profile_activity.first_login_day IS 'Earliest day with one; the row of user_day that says is_first.';
COMMENT ON COLUMN weigate.profile_activity.last_login_day IS 'Latest day with one, in the account''s time zone.';
COMMENT ON COLUMN weigate.profile_activity.login_count IS 'Completed sign-ins.';
COMMENT ON COLUMN weigate.profile_activity.login_days IS 'Days with at least one.';
COMMENT ON COLUMN weigate.profile_activity.days60 IS 'Bit n: a sign-in n days before last_login_day, n from 0 to 59.';

CREATE TABLE weigate.profile_history (
  profile_no bigint NOT NULL,
  observed_at timestamptz NOT NULL,
  write_id uuid NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_fields text[] NOT NULL,
  nickname text, headimgurl text, privilege text, language text, scope text, unionid text COLLATE "C",
  sex smallint, province text, city text, country text,
  PRIMARY KEY (profile_no, observed_at, write_id)
);
COMMENT ON TABLE weigate.profile_history IS 'What profile said after each write that changed it; rows are only added, and erased with the person.';
COMMENT ON COLUMN weigate.profile_history.profile_no IS 'Pseudonym of the person.';
COMMENT ON COLUMN weigate.profile_history.observed_at IS 'When WeChat said so.';
COMMENT ON COLUMN weigate.profile_history.write_id IS 'The write that brought it.';
COMMENT ON COLUMN weigate.profile_history.recorded_at IS 'When it came here, by the database''s clock.';
COMMENT ON COLUMN weigate.profile_history.changed_fields IS 'Columns whose value differs from before; all known ones in a person''s first row.';
COMMENT ON COLUMN weigate.profile_history.nickname IS 'As in profile, then.';
COMMENT ON COLUMN weigate.profile_history.headimgurl IS 'As in profile, then.';
COMMENT ON COLUMN weigate.profile_history.privilege IS 'As in profile, then.';
COMMENT ON COLUMN weigate.profile_history.language IS 'As in profile, then.';
COMMENT ON COLUMN weigate.profile_history.scope IS 'As in profile, then.';
COMMENT ON COLUMN weigate.profile_history.unionid IS 'As in profile, then.';
COMMENT ON COLUMN weigate.profile_history.sex IS 'As in profile, then.';
COMMENT ON COLUMN weigate.profile_history.province IS 'As in profile, then.';
COMMENT ON COLUMN weigate.profile_history.city IS 'As in profile, then.';
COMMENT ON COLUMN weigate.profile_history.country IS 'As in profile, then.';

CREATE TABLE weigate.login_event (
  event_at timestamptz NOT NULL,
  event_id uuid NOT NULL,
  app_no smallint NOT NULL,
  profile_no bigint,
  event_day date NOT NULL,
  is_login boolean NOT NULL,
  is_snapshot boolean NOT NULL,
  outcome text NOT NULL CHECK (octet_length(outcome) <= 64),
  stage text NOT NULL CHECK (octet_length(stage) <= 64),
  errcode integer NOT NULL,
  latency_ms bigint NOT NULL CHECK (latency_ms >= 0),
  scope text NOT NULL CHECK (octet_length(scope) <= 256),
  channel text NOT NULL CHECK (octet_length(channel) <= 64),
  network text NOT NULL CHECK (octet_length(network) <= 64),
  node text NOT NULL CHECK (octet_length(node) <= 64),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (NOT (is_login AND is_snapshot)),
  CHECK (NOT (is_snapshot AND profile_no IS NOT NULL)),
  PRIMARY KEY (event_at, event_id)
) PARTITION BY RANGE (event_at);
CREATE INDEX login_event_person ON weigate.login_event (profile_no, event_at) WHERE profile_no IS NOT NULL;
COMMENT ON TABLE weigate.login_event IS 'Every end of a sign-in, good or bad; one partition per month (Asia/Shanghai). The second insert of an event does nothing.';
COMMENT ON COLUMN weigate.login_event.event_at IS 'When it ended, by the clock of the host.';
COMMENT ON COLUMN weigate.login_event.event_id IS 'Made once by the host.';
COMMENT ON COLUMN weigate.login_event.app_no IS 'Account.';
COMMENT ON COLUMN weigate.login_event.profile_no IS 'Who; NULL where nobody was signed in. Below 0: somebody who was erased, under a number that stands for nobody.';
COMMENT ON COLUMN weigate.login_event.event_day IS 'Day in the account''s time zone.';
COMMENT ON COLUMN weigate.login_event.is_login IS 'A completed sign-in of this person.';
COMMENT ON COLUMN weigate.login_event.is_snapshot IS 'A virtual visitor of WeChat''s snapshot mode: never a person.';
COMMENT ON COLUMN weigate.login_event.outcome IS 'How it ended.';
COMMENT ON COLUMN weigate.login_event.stage IS 'Where it ended: claim, token, profile, done.';
COMMENT ON COLUMN weigate.login_event.errcode IS 'WeChat''s errcode, or 0.';
COMMENT ON COLUMN weigate.login_event.latency_ms IS 'From the callback''s arrival to the record.';
COMMENT ON COLUMN weigate.login_event.scope IS 'Scope that was asked for.';
COMMENT ON COLUMN weigate.login_event.channel IS 'wechat, qr, qrconnect, spa.';
COMMENT ON COLUMN weigate.login_event.network IS 'Shortened network of the visitor.';
COMMENT ON COLUMN weigate.login_event.node IS 'Host that wrote it.';
COMMENT ON COLUMN weigate.login_event.recorded_at IS 'When it came here, by the database''s clock: later than event_at by what the spool and the network took.';

CREATE TABLE weigate.user_day (
  day date NOT NULL,
  app_no smallint NOT NULL,
  profile_no bigint NOT NULL,
  last_login_at timestamptz NOT NULL,
  logins integer NOT NULL CHECK (logins > 0),
  is_first boolean NOT NULL,
  PRIMARY KEY (day, app_no, profile_no)
) PARTITION BY RANGE (day);
CREATE INDEX user_day_person ON weigate.user_day (profile_no, day);
COMMENT ON TABLE weigate.user_day IS 'One row per person and day with a completed sign-in, fed by the call that inserts the events; one partition per month.';
COMMENT ON COLUMN weigate.user_day.day IS 'Day in the account''s time zone.';
COMMENT ON COLUMN weigate.user_day.app_no IS 'Account.';
COMMENT ON COLUMN weigate.user_day.profile_no IS 'Pseudonym. Below 0: somebody who was erased.';
COMMENT ON COLUMN weigate.user_day.logins IS 'Completed sign-ins on that day.';
COMMENT ON COLUMN weigate.user_day.last_login_at IS 'The latest of them.';
COMMENT ON COLUMN weigate.user_day.is_first IS 'The person''s first day with one, so that new people can be counted without looking at all days. Late data may move it to an earlier row.';

CREATE TABLE weigate.daily_rollup (
  day date NOT NULL,
  app_no smallint NOT NULL REFERENCES weigate.app,
  dau integer NOT NULL CHECK (dau >= 0),
  new_people integer NOT NULL CHECK (new_people BETWEEN 0 AND dau),
  logins bigint NOT NULL CHECK (logins >= dau),
  failures bigint NOT NULL CHECK (failures >= 0),
  snapshot_visits bigint NOT NULL CHECK (snapshot_visits >= 0),
  computed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (day, app_no)
);
COMMENT ON TABLE weigate.daily_rollup IS 'Counts of days that are over, made by maintenance from user_day and login_event, and made anew where late data came in. Outlives both.';
COMMENT ON COLUMN weigate.daily_rollup.day IS 'Day in the account''s time zone.';
COMMENT ON COLUMN weigate.daily_rollup.app_no IS 'Account.';
COMMENT ON COLUMN weigate.daily_rollup.dau IS 'People with at least one completed sign-in.';
COMMENT ON COLUMN weigate.daily_rollup.new_people IS 'Those of them whose first day it was; the others came back.';
COMMENT ON COLUMN weigate.daily_rollup.logins IS 'Completed sign-ins.';
COMMENT ON COLUMN weigate.daily_rollup.failures IS 'Events that were neither a completed sign-in nor a snapshot visit.';
COMMENT ON COLUMN weigate.daily_rollup.snapshot_visits IS 'Virtual visitors of WeChat''s snapshot mode.';
COMMENT ON COLUMN weigate.daily_rollup.computed_at IS 'When the row was made, by the database''s clock.';

CREATE TABLE weigate.rollup_due (
  day date NOT NULL,
  app_no smallint NOT NULL,
  mark_no bigint GENERATED ALWAYS AS IDENTITY,
  PRIMARY KEY (day, app_no, mark_no)
);
COMMENT ON TABLE weigate.rollup_due IS 'Days whose daily_rollup must be made anew, because an event came in after the row was made. Emptied by maintenance.';
COMMENT ON COLUMN weigate.rollup_due.day IS 'Day in the account''s time zone.';
COMMENT ON COLUMN weigate.rollup_due.app_no IS 'Account.';
COMMENT ON COLUMN weigate.rollup_due.mark_no IS 'Tells apart the marks of calls that ran at the same time, so that none waits for another.';

CREATE TABLE weigate.tombstone (
  key_hash bytea PRIMARY KEY CHECK (octet_length(key_hash) = 32),
  erased_at timestamptz NOT NULL,
  write_id uuid NOT NULL,
  changed_at timestamptz NOT NULL
);
COMMENT ON TABLE weigate.tombstone IS 'What is left of an erased person, so that old writes do not bring it back; dropped by maintenance after 90 days or later.';
COMMENT ON COLUMN weigate.tombstone.key_hash IS 'BLAKE2b-256 of appid, a NUL byte, openid.';
COMMENT ON COLUMN weigate.tombstone.erased_at IS 'What was observed at or before this is gone.';
COMMENT ON COLUMN weigate.tombstone.write_id IS 'The erasure''s id; decides between equal times.';
COMMENT ON COLUMN weigate.tombstone.changed_at IS 'When this row changed, by the database''s clock.';

CREATE TABLE weigate.privacy_request (
  request_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('access', 'copy', 'correct', 'erase', 'restrict')),
  key_hash bytea NOT NULL CHECK (octet_length(key_hash) = 32),
  appid text COLLATE "C", openid text COLLATE "C",
  received_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  done_at timestamptz,
  outcome text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'done', 'refused')),
  handled_by text NOT NULL DEFAULT current_user,
  note text NOT NULL DEFAULT '' CHECK (octet_length(note) <= 1024),
  CHECK ((appid IS NULL) = (openid IS NULL)),
  CHECK ((done_at IS NULL) = (outcome = '')),
  CHECK (due_at >= received_at)
);
CREATE INDEX privacy_request_person ON weigate.privacy_request (key_hash);
COMMENT ON TABLE weigate.privacy_request IS 'What people asked to be done with their data (PIPL articles 44 to 47), until when, and what came of it.';
COMMENT ON COLUMN weigate.privacy_request.request_no IS 'Number of the request.';
COMMENT ON COLUMN weigate.privacy_request.kind IS 'access, copy, correct, erase or restrict.';
COMMENT ON COLUMN weigate.privacy_request.key_hash IS 'BLAKE2b-256 of appid, a NUL byte, openid.';
COMMENT ON COLUMN weigate.privacy_request.appid IS 'Account of the person; NULL once the person is erased.';
COMMENT ON COLUMN weigate.privacy_request.openid IS 'Who asked; NULL once the person is erased.';
COMMENT ON COLUMN weigate.privacy_request.received_at IS 'When the request came.';
COMMENT ON COLUMN weigate.privacy_request.due_at IS 'When it must be done.';
COMMENT ON COLUMN weigate.privacy_request.done_at IS 'When it was; NULL: open.';
COMMENT ON COLUMN weigate.privacy_request.outcome IS 'done, refused, or empty while it is open. An erasure closes the erase requests of its person.';
COMMENT ON COLUMN weigate.privacy_request.handled_by IS 'Database role that wrote the row last.';
COMMENT ON COLUMN weigate.privacy_request.note IS 'Where the papers are; no personal data.';

CREATE TABLE weigate.ingest_batch (
  batch_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source text NOT NULL CHECK (octet_length(source) BETWEEN 1 AND 64),
  begun_at timestamptz NOT NULL,
  done_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  items integer NOT NULL CHECK (items >= 0),
  fresh integer NOT NULL CHECK (fresh >= 0),
  updated integer NOT NULL CHECK (updated >= 0),
  CHECK (fresh + updated <= items)
);
COMMENT ON TABLE weigate.ingest_batch IS 'Batches of whole records that came in at once: imports and copies from another store. Sign-ins are not listed here: their lag is recorded_at - event_at in login_event.';
COMMENT ON COLUMN weigate.ingest_batch.batch_no IS 'Number of the batch.';
COMMENT ON COLUMN weigate.ingest_batch.source IS 'What brought it.';
COMMENT ON COLUMN weigate.ingest_batch.begun_at IS 'When its transaction began.';
COMMENT ON COLUMN weigate.ingest_batch.done_at IS 'When it was merged.';
COMMENT ON COLUMN weigate.ingest_batch.items IS 'Records in it.';
COMMENT ON COLUMN weigate.ingest_batch.fresh IS 'People that were not there.';
COMMENT ON COLUMN weigate.ingest_batch.updated IS 'People who were there and whose record it changed; the others were known already, or refused.';

CREATE TABLE weigate.ticket (
  kind text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  value bytea NOT NULL,
  expires_at_us bigint NOT NULL,
  flags integer NOT NULL,
  number bigint NOT NULL,
  PRIMARY KEY (kind, key)
) WITH (fillfactor = 80);
CREATE INDEX ticket_number ON weigate.ticket (kind, number);
CREATE INDEX ticket_expires ON weigate.ticket (expires_at_us);
COMMENT ON TABLE weigate.ticket IS 'Short-lived notes through which workers and hosts agree: claimed codes, revocations, handovers.';
COMMENT ON COLUMN weigate.ticket.kind IS 'What it is about.';
COMMENT ON COLUMN weigate.ticket.key IS 'Its key; hashed by weigate where it would say something.';
COMMENT ON COLUMN weigate.ticket.value IS 'Bytes, sealed by weigate where they matter.';
COMMENT ON COLUMN weigate.ticket.expires_at_us IS 'Microseconds since 1970 by the hosts'' clock; absent afterwards.';
COMMENT ON COLUMN weigate.ticket.flags IS '1: had to survive a power cut.';
COMMENT ON COLUMN weigate.ticket.number IS 'Transaction id times 1024 and the place in its batch: what a scan goes on from.';

CREATE TABLE weigate_secret.token (
  profile_no bigint PRIMARY KEY,
  token_at timestamptz NOT NULL,
  token_write uuid NOT NULL,
  sealed bytea NOT NULL,
  access_expires_us bigint NOT NULL,
  refresh_expires_us bigint NOT NULL
);
COMMENT ON TABLE weigate_secret.token IS 'WeChat''s tokens of a person, sealed by weigate before they come here.';
COMMENT ON COLUMN weigate_secret.token.profile_no IS 'Pseudonym of the person.';
COMMENT ON COLUMN weigate_secret.token.token_at IS 'When they were given.';
COMMENT ON COLUMN weigate_secret.token.token_write IS 'By which write.';
COMMENT ON COLUMN weigate_secret.token.sealed IS 'Ciphertext; empty after refresh_expires_us.';
COMMENT ON COLUMN weigate_secret.token.access_expires_us IS 'End of the access token, microseconds since 1970.';
COMMENT ON COLUMN weigate_secret.token.refresh_expires_us IS 'End of the refresh token, microseconds since 1970.';

INSERT INTO weigate.schema_migration (version, name) VALUES (1, 'tables');
