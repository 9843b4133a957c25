-- SPDX-License-Identifier: Apache-2.0
-- What the analysts' views of weigate_mart stand on where counting millions of rows anew would be too slow: small tables of counts, made by
-- weigate.mart_refresh(), which maintenance calls. Only counts: nobody can be found in them, and they outlive events and people.
--   app_no 0 in these tables means all accounts together, with people merged by unionid.
CREATE SCHEMA IF NOT EXISTS weigate_mart;
COMMENT ON SCHEMA weigate_mart IS 'For analysts: views with an explanation each: \dv+ for the views, \d+ active_users for the columns of one. Names and meanings stay; columns may be added.';

CREATE TABLE weigate.person_link (
  profile_no bigint PRIMARY KEY,
  person_no bigint NOT NULL,
  first_day date,
  profile_day date,
  person_day date,
  app_no smallint NOT NULL
) WITH (fillfactor = 80);
COMMENT ON TABLE weigate.person_link IS 'Profiles of people who are known in two or more accounts by their unionid; everybody else is one profile. Brought up to date by mart_refresh().';
COMMENT ON COLUMN weigate.person_link.profile_no IS 'The profile.';
COMMENT ON COLUMN weigate.person_link.person_no IS 'The person: the smallest profile_no with this unionid.';
COMMENT ON COLUMN weigate.person_link.first_day IS 'First day with a completed sign-in in any of the accounts; NULL: none.';
COMMENT ON COLUMN weigate.person_link.profile_day IS 'Latest day of this profile, up to mart_state.through_day.';
COMMENT ON COLUMN weigate.person_link.person_day IS 'Latest day of the person in any account, likewise.';
COMMENT ON COLUMN weigate.person_link.app_no IS 'The profile''s account.';

CREATE TABLE weigate.mart_link_day (
  day date PRIMARY KEY,
  profiles integer NOT NULL,
  people integer NOT NULL
);
COMMENT ON TABLE weigate.mart_link_day IS 'Of those in person_link, how many were seen on a day last; the days of a month up to mart_state.through_day.';
COMMENT ON COLUMN weigate.mart_link_day.day IS 'The day.';
COMMENT ON COLUMN weigate.mart_link_day.profiles IS 'Profiles with profile_day on it.';
COMMENT ON COLUMN weigate.mart_link_day.people IS 'People with person_day on it.';

CREATE TABLE weigate.link_period (
  profile_no bigint NOT NULL,
  link_no integer NOT NULL,
  recorded_person_no bigint NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  recorded_at timestamptz,
  app_no smallint NOT NULL,
  PRIMARY KEY (profile_no, link_no)
);
COMMENT ON TABLE weigate.link_period IS 'Periods in which what was known of a profile''s link to a person did not change. Made of profile_history by mart_refresh().';
COMMENT ON COLUMN weigate.link_period.profile_no IS 'The profile.';
COMMENT ON COLUMN weigate.link_period.link_no IS 'Place among the profile''s links; 0: before the first.';
COMMENT ON COLUMN weigate.link_period.recorded_person_no IS 'The person, as it was known then: the profile that had this unionid first.';
COMMENT ON COLUMN weigate.link_period.valid_from IS 'Begin.';
COMMENT ON COLUMN weigate.link_period.valid_to IS 'End; NULL: still.';
COMMENT ON COLUMN weigate.link_period.recorded_at IS 'When the link came into the database.';
COMMENT ON COLUMN weigate.link_period.app_no IS 'The profile''s account.';

CREATE TABLE weigate.mart_state (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  through_day date NOT NULL DEFAULT '1970-01-01',
  whole_at timestamptz NOT NULL DEFAULT '-infinity',
  is_link_due boolean NOT NULL DEFAULT false,
  refreshed_at timestamptz NOT NULL DEFAULT '-infinity',
  refreshed_since date,
  took_ms bigint NOT NULL DEFAULT 0
);
INSERT INTO weigate.mart_state DEFAULT VALUES;
COMMENT ON TABLE weigate.mart_state IS 'How far mart_refresh() has come; one row.';
COMMENT ON COLUMN weigate.mart_state.is_only IS 'Keeps it at one row.';
COMMENT ON COLUMN weigate.mart_state.through_day IS 'Last day in the mart_ tables; later days are counted when they are asked for.';
COMMENT ON COLUMN weigate.mart_state.whole_at IS 'When everything was counted anew last.';
COMMENT ON COLUMN weigate.mart_state.is_link_due IS 'Links between accounts changed since; the past of all accounts together is counted anew on the next day.';
COMMENT ON COLUMN weigate.mart_state.refreshed_at IS 'When it ran last.';
COMMENT ON COLUMN weigate.mart_state.refreshed_since IS 'From which day on it counted anew then; NULL: nothing had changed.';
COMMENT ON COLUMN weigate.mart_state.took_ms IS 'How long that took, in ms.';

CREATE TABLE weigate.mart_active (
  day date NOT NULL,
  app_no smallint NOT NULL,
  dau integer NOT NULL,
  wau7 integer NOT NULL,
  mau30 integer NOT NULL,
  PRIMARY KEY (day, app_no)
);
COMMENT ON TABLE weigate.mart_active IS 'Active people per day, with the exact rolling windows.';
COMMENT ON COLUMN weigate.mart_active.day IS 'Day in the account''s time zone.';
COMMENT ON COLUMN weigate.mart_active.app_no IS 'Account; 0: all.';
COMMENT ON COLUMN weigate.mart_active.dau IS 'People with a completed sign-in on the day.';
COMMENT ON COLUMN weigate.mart_active.wau7 IS 'On the day or the 6 before it.';
COMMENT ON COLUMN weigate.mart_active.mau30 IS 'On the day or the 29 before it.';

CREATE TABLE weigate.mart_new (
  day date NOT NULL,
  app_no smallint NOT NULL,
  channel text COLLATE "C" NOT NULL,
  people integer NOT NULL,
  PRIMARY KEY (day, app_no, channel)
);
COMMENT ON TABLE weigate.mart_new IS 'New people per day.';
COMMENT ON COLUMN weigate.mart_new.day IS 'Day of the first completed sign-in.';
COMMENT ON COLUMN weigate.mart_new.app_no IS 'Account; 0: all.';
COMMENT ON COLUMN weigate.mart_new.channel IS 'Channel of that sign-in; empty where its event is gone.';
COMMENT ON COLUMN weigate.mart_new.people IS 'How many.';

CREATE TABLE weigate.mart_cohort_week (
  cohort_week date NOT NULL,
  week date NOT NULL,
  app_no smallint NOT NULL,
  people integer NOT NULL,
  PRIMARY KEY (week, cohort_week, app_no)
);
COMMENT ON TABLE weigate.mart_cohort_week IS 'Of the people who were new in one week, how many signed in in another.';
COMMENT ON COLUMN weigate.mart_cohort_week.cohort_week IS 'Monday of the week of the first sign-in.';
COMMENT ON COLUMN weigate.mart_cohort_week.week IS 'Monday of the week looked at.';
COMMENT ON COLUMN weigate.mart_cohort_week.app_no IS 'Account; 0: all.';
COMMENT ON COLUMN weigate.mart_cohort_week.people IS 'How many.';

CREATE TABLE weigate.mart_cohort_day (
  cohort_day date NOT NULL,
  day_n smallint NOT NULL,
  app_no smallint NOT NULL,
  people integer NOT NULL,
  PRIMARY KEY (cohort_day, day_n, app_no)
);
COMMENT ON TABLE weigate.mart_cohort_day IS 'Of the people who were new on a day, how many signed in n days later (n 1 to 30, 60, 90).';
COMMENT ON COLUMN weigate.mart_cohort_day.cohort_day IS 'Day of the first sign-in.';
COMMENT ON COLUMN weigate.mart_cohort_day.day_n IS 'Days after it.';
COMMENT ON COLUMN weigate.mart_cohort_day.app_no IS 'Account; 0: all.';
COMMENT ON COLUMN weigate.mart_cohort_day.people IS 'How many.';

CREATE TABLE weigate.mart_growth (
  week date NOT NULL,
  app_no smallint NOT NULL,
  active integer NOT NULL,
  new integer NOT NULL,
  retained integer NOT NULL,
  resurrected integer NOT NULL,
  churned integer NOT NULL,
  PRIMARY KEY (week, app_no)
);
COMMENT ON TABLE weigate.mart_growth IS 'Growth accounting per week.';
COMMENT ON COLUMN weigate.mart_growth.week IS 'Monday of the week.';
COMMENT ON COLUMN weigate.mart_growth.app_no IS 'Account; 0: all.';
COMMENT ON COLUMN weigate.mart_growth.active IS 'People with a sign-in in the week.';
COMMENT ON COLUMN weigate.mart_growth.new IS 'Those whose first it was.';
COMMENT ON COLUMN weigate.mart_growth.retained IS 'Those who were active the week before too.';
COMMENT ON COLUMN weigate.mart_growth.resurrected IS 'The rest: back after at least a week''s break.';
COMMENT ON COLUMN weigate.mart_growth.churned IS 'Active the week before and not in this one.';

CREATE TABLE weigate.mart_event (
  day date NOT NULL,
  app_no smallint NOT NULL,
  channel text COLLATE "C" NOT NULL,
  scope text COLLATE "C" NOT NULL,
  stage text COLLATE "C" NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  errcode integer NOT NULL,
  is_login boolean NOT NULL,
  is_snapshot boolean NOT NULL,
  events bigint NOT NULL,
  PRIMARY KEY (day, app_no, channel, scope, stage, outcome, errcode, is_login, is_snapshot)
);
COMMENT ON TABLE weigate.mart_event IS 'Ends of sign-ins, counted per day and way.';
COMMENT ON COLUMN weigate.mart_event.day IS 'Day in the account''s time zone.';
COMMENT ON COLUMN weigate.mart_event.app_no IS 'Account.';
COMMENT ON COLUMN weigate.mart_event.channel IS 'As in login_event.';
COMMENT ON COLUMN weigate.mart_event.scope IS 'As in login_event.';
COMMENT ON COLUMN weigate.mart_event.stage IS 'As in login_event.';
COMMENT ON COLUMN weigate.mart_event.outcome IS 'As in login_event.';
COMMENT ON COLUMN weigate.mart_event.errcode IS 'As in login_event.';
COMMENT ON COLUMN weigate.mart_event.is_login IS 'As in login_event.';
COMMENT ON COLUMN weigate.mart_event.is_snapshot IS 'As in login_event.';
COMMENT ON COLUMN weigate.mart_event.events IS 'How many.';

CREATE TABLE weigate.mart_latency (
  day date NOT NULL,
  app_no smallint NOT NULL,
  channel text COLLATE "C" NOT NULL,
  stage text COLLATE "C" NOT NULL,
  median_ms bigint NOT NULL,
  p95_ms bigint NOT NULL,
  PRIMARY KEY (day, app_no, channel, stage)
);
COMMENT ON TABLE weigate.mart_latency IS 'How long sign-ins took, by the stage in which they ended; without snapshot visits.';
COMMENT ON COLUMN weigate.mart_latency.day IS 'Day in the account''s time zone.';
COMMENT ON COLUMN weigate.mart_latency.app_no IS 'Account.';
COMMENT ON COLUMN weigate.mart_latency.channel IS 'As in login_event.';
COMMENT ON COLUMN weigate.mart_latency.stage IS 'As in login_event.';
COMMENT ON COLUMN weigate.mart_latency.median_ms IS 'Half took at most this many ms.';
COMMENT ON COLUMN weigate.mart_latency.p95_ms IS '95 of 100 took at most this many ms.';

CREATE TABLE weigate.mart_hour (
  day date NOT NULL,
  app_no smallint NOT NULL,
  hour smallint NOT NULL,
  logins bigint NOT NULL,
  PRIMARY KEY (day, app_no, hour)
);
COMMENT ON TABLE weigate.mart_hour IS 'Completed sign-ins per hour.';
COMMENT ON COLUMN weigate.mart_hour.day IS 'Day in the account''s time zone.';
COMMENT ON COLUMN weigate.mart_hour.app_no IS 'Account.';
COMMENT ON COLUMN weigate.mart_hour.hour IS 'Hour of that day, 0 to 23.';
COMMENT ON COLUMN weigate.mart_hour.logins IS 'How many.';

CREATE TABLE weigate.mart_coverage (
  month date NOT NULL,
  app_no smallint NOT NULL,
  what text COLLATE "C" NOT NULL,
  active integer NOT NULL,
  fresh integer NOT NULL,
  stale integer NOT NULL,
  median_age_days integer,
  PRIMARY KEY (month, app_no, what)
);
COMMENT ON TABLE weigate.mart_coverage IS 'Of the people who were active in a month, of how many gender or region is known, and how old that knowledge was.';
COMMENT ON COLUMN weigate.mart_coverage.month IS 'First day of the month.';
COMMENT ON COLUMN weigate.mart_coverage.app_no IS 'Account.';
COMMENT ON COLUMN weigate.mart_coverage.what IS 'gender or region.';
COMMENT ON COLUMN weigate.mart_coverage.active IS 'People with a sign-in in the month.';
COMMENT ON COLUMN weigate.mart_coverage.fresh IS 'Known, and observed within a year before the month''s end.';
COMMENT ON COLUMN weigate.mart_coverage.stale IS 'Known, and observed longer ago.';
COMMENT ON COLUMN weigate.mart_coverage.median_age_days IS 'Median age of what is known at the month''s end.';

INSERT INTO weigate.schema_migration (version, name) VALUES (5, 'mart_tables');
