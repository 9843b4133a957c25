-- SPDX-License-Identifier: Apache-2.0
-- The schema's shape: what is there, that it explains itself, and that ids are compared byte by byte.
BEGIN;
SELECT * FROM no_plan();

SELECT tables_are('weigate', ARRAY['schema_migration', 'store_meta', 'app', 'subject', 'profile', 'profile_activity', 'profile_history',
  'login_event', 'user_day', 'daily_rollup', 'rollup_due', 'tombstone', 'privacy_request', 'ingest_batch', 'ticket',
  'person_link', 'mart_link_day', 'link_period', 'mart_state', 'mart_active', 'mart_new', 'mart_cohort_week', 'mart_cohort_day', 'mart_growth', 'mart_event', 'mart_latency',
  'mart_hour', 'mart_coverage']
  || ARRAY(SELECT c.relname::text FROM pg_class c WHERE c.relispartition AND c.relkind = 'r'), 'the tables of weigate');
SELECT tables_are('weigate_secret', ARRAY['token'], 'sealed tokens have a schema of their own');

SELECT is_empty($$
  SELECT c.oid::regclass, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace IN ('weigate'::regnamespace, 'weigate_secret'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm')
      AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid, 'pg_class') IS NULL)
$$, 'every table and every column has a comment, partitions too');

SELECT is_empty($$
  SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'weigate'::regnamespace AND p.prosecdef
    AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=pg_catalog, pg_temp')
$$, 'a function with its owner''s rights has a search path of its own');

SELECT is_empty($$
  SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'weigate'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname IN ('appid', 'openid', 'unionid', 'kind', 'key')
      AND a.atttypid = 'text'::regtype AND a.attcollation <> '"C"'::regcollation
      AND NOT (a.attname = 'kind' AND c.relname IN ('app', 'privacy_request'))
$$, 'ids are COLLATE "C"');

SELECT is_empty($$
  SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace IN ('weigate'::regnamespace, 'weigate_secret'::regnamespace)
    AND c.relkind IN ('r', 'p') AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
$$, 'every table has a primary key');

SELECT is((SELECT count(*)::integer FROM pg_index WHERE indrelid = 'weigate.profile_activity'::regclass), 1,
  'profile_activity has no index but its key, so that updates stay in their page');
SELECT is_empty($$ SELECT inhrelid::regclass FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE c.relnamespace = 'weigate'::regnamespace AND pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' $$, 'there is no default partition');
SELECT is(weigate.partitions_ready(), 3, 'three months are ahead');

SELECT * FROM finish();
ROLLBACK;
