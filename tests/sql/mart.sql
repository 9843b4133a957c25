-- SPDX-License-Identifier: Apache-2.0
-- The analysts' schema explains itself, and each role sees what it may and no more.
BEGIN;
SELECT * FROM no_plan();

SELECT views_are('weigate_mart', ARRAY['active_users', 'new_users_daily', 'retention_weekly', 'retention_day_n', 'growth_accounting_weekly', 'people', 'people_as_recorded',
  'person_link_changes', 'app_overlap', 'login_funnel_daily', 'login_errors', 'login_latency_daily', 'snapshot_share_daily', 'geo_coverage_monthly', 'gender_coverage_monthly',
  'geo_distribution', 'gender_distribution', 'dormant_users', 'l28_histogram', 'profile_versions', 'profile_changes', 'scope_mix_daily', 'privilege_mix', 'token_expiry_forecast',
  'data_freshness', 'data_quality', 'login_heatmap', 'privacy_requests_status', 'table_sizes', 'definitions', 'people_names_pii'], 'the views of the mart: names stay, more may come');
SELECT functions_are('weigate_mart', ARRAY['clock', 'profile_asof'], 'the functions of the mart');
SELECT tables_are('weigate_mart', ARRAY[]::text[], 'the mart has no tables of its own');

SELECT is_empty($$
  SELECT c.oid::regclass, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'weigate_mart'::regnamespace AND (coalesce(col_description(c.oid, a.attnum), '') = '' OR coalesce(obj_description(c.oid, 'pg_class'), '') = '')
$$, 'every view and every column has a comment');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('weigate_mart'::regnamespace, 'weigate'::regnamespace) AND p.proname ~ '^(mart_|clock|profile_asof)'
  AND obj_description(p.oid, 'pg_proc') IS NULL $$, 'every function of the mart has a comment');
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'weigate_mart'::regnamespace AND c.relkind = 'v'
  AND NOT coalesce(c.reloptions @> ARRAY['security_barrier=true'], false) $$, 'every view is a security barrier');
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'weigate_mart'::regnamespace AND c.relkind = 'v' AND c.reloptions && ARRAY['security_invoker=true'] $$,
  'no view asks for rights to what lies below');
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'weigate_mart'::regnamespace AND c.relkind = 'v' AND c.relname !~ '_pii$'
  AND obj_description(c.oid, 'pg_class') !~* '(one row per|holds|\?)' $$, 'every view says its question and its grain');
SELECT is_empty($$ SELECT d.view_name, d.column_name FROM weigate_mart.definitions d
  WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass('weigate_mart.' || d.view_name) AND a.attname = d.column_name) AND d.view_name <> 'every view' $$,
  'definitions name views and columns that are there');
SELECT is_empty($$ SELECT a.attrelid::regclass, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relnamespace = 'weigate_mart'::regnamespace AND c.relname !~ '_pii$' AND a.attname IN ('nickname', 'headimgurl', 'openid', 'unionid', 'raw', 'sealed', 'network', 'key_hash') $$,
  'the plain mart names nobody');

SELECT is_empty(format($$ SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'weigate_mart'::regnamespace AND c.relkind = 'v'
  AND has_table_privilege(%L, c.oid, 'SELECT') <> %s $$, role_name, expected), role_name || ' may read its views and no others')
  FROM (VALUES ('weigate_analyst', $$ (c.relname !~ '_pii$') $$), ('weigate_analyst_pii', 'true'), ('weigate_monitor', 'false'), ('weigate_dpo', 'false')) r (role_name, expected);
SELECT is_empty(format($$ SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace IN ('weigate_mart'::regnamespace, 'weigate'::regnamespace, 'weigate_secret'::regnamespace)
  AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege(%L, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') $$, role_name), role_name || ' may change nothing')
  FROM unnest(ARRAY['weigate_analyst', 'weigate_analyst_pii']) role_name;
SELECT is_empty(format($$ SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace IN ('weigate'::regnamespace, 'weigate_secret'::regnamespace)
  AND c.relkind IN ('r', 'p', 'v') AND has_table_privilege(%L, c.oid, 'SELECT') $$, role_name), role_name || ' may read nothing below the mart')
  FROM unnest(ARRAY['weigate_analyst', 'weigate_analyst_pii']) role_name;
SELECT ok(NOT has_schema_privilege('weigate_analyst', 'weigate', 'USAGE') AND NOT has_schema_privilege('weigate_analyst', 'weigate_secret', 'USAGE')
  AND NOT has_schema_privilege('weigate_analyst', 'weigate_mart', 'CREATE'), 'the analyst has the mart and no other schema, and makes nothing in it');

-- Read each of them for real: rights to functions inside a view show only then.
CREATE FUNCTION pg_temp.read_all(role_name name) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE thing record;
BEGIN
  FOR thing IN SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relnamespace = 'weigate_mart'::regnamespace AND c.relkind = 'v'
      AND (role_name = 'weigate_analyst_pii' OR c.relname !~ '_pii$') ORDER BY 1 LOOP
    EXECUTE format('SET LOCAL ROLE %I', role_name);
    BEGIN
      EXECUTE 'SELECT count(*) FROM (SELECT * FROM ' || thing.name || ') v';
      EXECUTE format('SELECT v::text FROM %s v', thing.name);
    EXCEPTION WHEN OTHERS THEN
      RETURN NEXT thing.name || ': ' || SQLERRM;
    END;
    RESET ROLE;
  END LOOP;
END $$;
SELECT is_empty($$ SELECT * FROM pg_temp.read_all('weigate_analyst') $$, 'the analyst can really read each view, also of an empty store');
SELECT is_empty($$ SELECT * FROM pg_temp.read_all('weigate_analyst_pii') $$, 'and so can the analyst with names');
SET LOCAL ROLE weigate_analyst;
SELECT is_empty($$ SELECT * FROM weigate_mart.profile_asof('2024-01-01') $$, 'the analyst may ask what profiles looked like');
SELECT throws_ok('SELECT * FROM weigate_mart.people_names_pii', '42501', NULL, 'and is refused names');
SELECT throws_ok('SELECT * FROM weigate.profile', '42501', NULL, 'and the tables');
RESET ROLE;
SELECT is_empty($$ SELECT rolname FROM pg_roles WHERE pg_has_role('weigate_analyst', oid, 'MEMBER') AND rolname <> 'weigate_analyst' $$, 'the analyst cannot become anybody else');

SELECT * FROM finish();
ROLLBACK;
