-- SPDX-License-Identifier: Apache-2.0
-- The matrix of rights: who may do what, and nothing else. D15
BEGIN;
SELECT * FROM no_plan();

SELECT is_empty(format($$
  SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace IN ('weigate'::regnamespace, 'weigate_secret'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm')
    AND (has_table_privilege(%1$L, c.oid, 'SELECT,INSERT,UPDATE,DELETE') OR has_any_column_privilege(%1$L, c.oid, 'SELECT'))
$$, who), who || ' reads and writes no base table') FROM unnest(ARRAY['weigate_analyst', 'weigate_analyst_pii']) who;
SELECT is_empty(format($$
  SELECT n.nspname FROM pg_namespace n WHERE n.nspname LIKE 'weigate%%' AND (has_schema_privilege(%L, n.oid, 'CREATE'))
$$, who), who || ' makes nothing') FROM unnest(ARRAY['weigate_app', 'weigate_analyst', 'weigate_analyst_pii', 'weigate_dpo', 'weigate_monitor']) who;
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'weigate_mart'::regnamespace AND c.relname ~ '_pii$'
  AND has_table_privilege('weigate_analyst', c.oid, 'SELECT') $$, 'an analyst sees no view with names');
SELECT is_empty(format($$ SELECT FROM pg_class c WHERE c.oid = 'weigate_secret.token'::regclass AND has_table_privilege(%L, c.oid, 'SELECT') $$, who),
  who || ' sees no token') FROM unnest(ARRAY['weigate_analyst', 'weigate_analyst_pii', 'weigate_dpo', 'weigate_monitor']) who;
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'weigate'::regnamespace AND c.relname IN ('subject', 'profile', 'profile_history', 'login_event')
  AND (has_table_privilege('weigate_monitor', c.oid, 'SELECT') OR has_table_privilege('weigate_dpo', c.oid, 'SELECT')) $$, 'monitor and privacy officer read no person');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'weigate'::regnamespace AND has_function_privilege('weigate_analyst', p.oid, 'EXECUTE')
  AND has_schema_privilege('weigate_analyst', 'weigate', 'USAGE') $$, 'an analyst calls nothing of weigate');
SELECT ok(has_function_privilege('weigate_dpo', 'weigate.privacy_erase(text, text)', 'EXECUTE'), 'the privacy officer erases');

SET ROLE weigate_app;
SELECT throws_ok('DROP TABLE weigate.profile', '42501', NULL, 'the service drops no table');
SELECT throws_ok('ALTER TABLE weigate.profile ADD x integer', '42501', NULL, 'the service alters no table');
SELECT throws_ok($$ UPDATE weigate.schema_migration SET version = 99 $$, '42501', NULL, 'the service does not touch versions');
RESET ROLE;
SET ROLE weigate_analyst;
SELECT throws_ok('SELECT * FROM weigate.profile', '42501', NULL, 'an analyst reads no profile');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
