-- SPDX-License-Identifier: Apache-2.0
-- What each role may do. Roles belong to the whole server and are made by sql/roles.sql; here rights are given to those that are there, and
-- given anew whenever `weigatectl storage init` runs, also where a role was made later, or by hand: SELECT * FROM weigate.grant_roles();
--
--   weigate_app          the service: its functions and tables; no DDL
--   weigate_analyst      weigate_mart and nothing else; not its views whose names end in _pii
--   weigate_analyst_pii  also those
--   weigate_dpo          privacy officer: requests, export and erasure of one person, through functions
--   weigate_monitor      versions, upkeep, the days' counts; no person

-- The analysts' schema. SECURITY: its views run with their owner's rights, so that a right to a view is all that an analyst needs.
CREATE FUNCTION weigate.grant_mart(to_role name, is_pii boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE thing record;
BEGIN
  IF to_regnamespace('weigate_mart') IS NULL THEN RETURN; END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA weigate_mart TO %I', to_role);
  FOR thing IN SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relnamespace = to_regnamespace('weigate_mart')
      AND c.relkind IN ('v', 'm', 'r', 'p') AND (is_pii OR c.relname !~ '_pii$') LOOP
    EXECUTE format('GRANT SELECT ON %s TO %I', thing.name, to_role);
  END LOOP;
  FOR thing IN SELECT p.oid::regprocedure::text AS name FROM pg_proc p WHERE p.pronamespace = to_regnamespace('weigate_mart')
      AND (is_pii OR p.proname !~ '_pii$') LOOP
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', thing.name, to_role);
  END LOOP;
END $$;
COMMENT ON FUNCTION weigate.grant_mart IS 'Gives a role what an analyst may read.';

CREATE FUNCTION weigate.grant_app(to_role name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA weigate, weigate_secret TO %I', to_role);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA weigate, weigate_secret TO %I', to_role);
  EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON weigate.schema_migration FROM %I', to_role);
  EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA weigate TO %I', to_role);
  EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA weigate TO %I', to_role);
  IF to_regnamespace('weigate_mart') IS NOT NULL THEN -- for the counts that maintenance makes
    EXECUTE format('GRANT USAGE ON SCHEMA weigate_mart TO %I', to_role);
    EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA weigate_mart TO %I', to_role);
  END IF;
  EXECUTE format('REVOKE EXECUTE ON FUNCTION weigate.grant_roles(), weigate.grant_app(name), weigate.grant_mart(name, boolean) FROM %I', to_role);
END $$;
COMMENT ON FUNCTION weigate.grant_app IS 'Gives a role what the service needs.';

-- What the rights depend on: which files were applied, and which roles there are.
CREATE FUNCTION weigate.grants_basis() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT (SELECT max(version) FROM weigate.schema_migration) || coalesce(' ' || string_agg(r.rolname || ':' || r.oid, ' ' ORDER BY r.rolname), '')
    FROM pg_roles r WHERE r.rolname IN ('weigate_app', 'weigate_analyst', 'weigate_analyst_pii', 'weigate_dpo', 'weigate_monitor')
$$;
COMMENT ON FUNCTION weigate.grants_basis IS 'What the rights depend on, as one text: they are given anew where it has changed.';

-- The last step of every set-up: gives every role what it may do, and says for each whether it is there.
CREATE FUNCTION weigate.grant_roles() RETURNS TABLE (role_name name, is_there boolean) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(1464292180, 1); -- that of the migrations: two at once would stumble over each other's rows
  PERFORM weigate.columns_remember();
  REVOKE ALL ON ALL FUNCTIONS IN SCHEMA weigate FROM PUBLIC;
  REVOKE ALL ON ALL TABLES IN SCHEMA weigate, weigate_secret FROM PUBLIC;
  IF to_regnamespace('weigate_mart') IS NOT NULL THEN REVOKE ALL ON ALL FUNCTIONS IN SCHEMA weigate_mart FROM PUBLIC; END IF;
  FOR role_name IN SELECT unnest(ARRAY['weigate_app', 'weigate_analyst', 'weigate_analyst_pii', 'weigate_dpo', 'weigate_monitor']) LOOP
    is_there := EXISTS (SELECT FROM pg_roles r WHERE r.rolname = grant_roles.role_name);
    IF is_there THEN
      CASE role_name
        WHEN 'weigate_app' THEN PERFORM weigate.grant_app(role_name);
        WHEN 'weigate_analyst' THEN PERFORM weigate.grant_mart(role_name, false);
        WHEN 'weigate_analyst_pii' THEN PERFORM weigate.grant_mart(role_name, true);
        WHEN 'weigate_dpo' THEN
          GRANT USAGE ON SCHEMA weigate TO weigate_dpo;
          GRANT SELECT ON weigate.privacy_request TO weigate_dpo;
          GRANT EXECUTE ON FUNCTION weigate.privacy_export(text, text), weigate.privacy_erase(text, text),
            weigate.privacy_log(text, text, text, interval, text), weigate.privacy_done(bigint, text, text) TO weigate_dpo;
        WHEN 'weigate_monitor' THEN
          GRANT USAGE ON SCHEMA weigate TO weigate_monitor;
          GRANT SELECT ON weigate.schema_migration, weigate.store_meta, weigate.daily_rollup, weigate.rollup_due, weigate.ingest_batch,
            weigate.app TO weigate_monitor;
          GRANT EXECUTE ON FUNCTION weigate.partitions_ready(), weigate.column_missing() TO weigate_monitor;
      END CASE;
    END IF;
    RETURN NEXT;
  END LOOP;
  PERFORM weigate.meta_set('grants', weigate.grants_basis());
END $$;
COMMENT ON FUNCTION weigate.grant_roles IS 'Gives every role what it may do, and says for each whether it is there.';

INSERT INTO weigate.schema_migration (version, name) VALUES (4, 'roles');
