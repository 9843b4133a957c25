-- On the analytics database, as a superuser, after sql/roles.sql and the numbered files were applied there. The three left out of the
-- publication are NOT NULL here or belong to rows that do not come; they are given what an erased person has.
ALTER TABLE weigate.login_event ALTER COLUMN network SET DEFAULT '';
-- What this database makes for itself must not meet what comes: counts of days come from the publisher.
TRUNCATE weigate.daily_rollup, weigate.rollup_due;
CREATE SUBSCRIPTION weigate_analytics CONNECTION :'publisher' PUBLICATION weigate_analytics
  WITH (binary = false, streaming = on, disable_on_error = true);
