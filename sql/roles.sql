-- SPDX-License-Identifier: Apache-2.0
-- weigate's database roles, made once per server by a superuser, in the database that weigate uses:
--   psql -d weigate -v ON_ERROR_STOP=1 -f roles.sql
-- May be run again: what is there stays, settings are set anew. Nobody has a password: give those who need one theirs with \password, or let
-- pg_hba.conf decide. Afterwards `weigatectl storage init` gives each role its rights (0004_roles.sql says which).
-- Settings belong to the role that logs in. Where analysts have roles of their own: CREATE ROLE alice LOGIN IN ROLE weigate_analyst, and give
-- alice the settings of weigate_analyst below.
DO $$
DECLARE
  db name := current_database();
  role_name name;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['weigate_owner', 'weigate_migrator', 'weigate_app', 'weigate_analyst', 'weigate_analyst_pii',
      'weigate_dpo', 'weigate_monitor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      EXECUTE format('CREATE ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE', role_name);
    END IF;
    IF role_name <> 'weigate_owner' THEN EXECUTE format('ALTER ROLE %I LOGIN', role_name); END IF;
  END LOOP;

  -- The database: nobody who is not named here, and no temporary tables for readers.
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', db);
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO weigate_owner, weigate_migrator, weigate_app, weigate_analyst, weigate_analyst_pii,'
    ' weigate_dpo, weigate_monitor', db);
  EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO weigate_owner', db);
  EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO weigate_app', db);
  REVOKE ALL ON SCHEMA public FROM PUBLIC;

  -- The migrator works as the owner, so that everything has one owner, whoever applies a file.
  GRANT weigate_owner TO weigate_migrator;
  EXECUTE format('ALTER ROLE weigate_migrator IN DATABASE %I SET role = weigate_owner', db);
  EXECUTE format('ALTER ROLE weigate_migrator IN DATABASE %I SET lock_timeout = %L', db, '3s');
  EXECUTE format('ALTER ROLE weigate_app IN DATABASE %I SET idle_in_transaction_session_timeout = %L', db, '10s');
  EXECUTE format('ALTER ROLE weigate_app IN DATABASE %I SET statement_timeout = %L', db, '60s');
  GRANT pg_monitor TO weigate_monitor;
  EXECUTE format('ALTER ROLE weigate_monitor IN DATABASE %I SET default_transaction_read_only = on', db);
  EXECUTE format('ALTER ROLE weigate_monitor IN DATABASE %I SET statement_timeout = %L', db, '10s');
  EXECUTE format('ALTER ROLE weigate_monitor IN DATABASE %I SET search_path = pg_catalog', db);
  ALTER ROLE weigate_monitor CONNECTION LIMIT 5;
  EXECUTE format('ALTER ROLE weigate_dpo IN DATABASE %I SET search_path = weigate, pg_catalog', db);
  EXECUTE format('ALTER ROLE weigate_dpo IN DATABASE %I SET idle_in_transaction_session_timeout = %L', db, '1min');
  ALTER ROLE weigate_dpo CONNECTION LIMIT 5;

  -- A reader can neither hold the service up nor fill the disk.
  FOREACH role_name IN ARRAY ARRAY['weigate_analyst', 'weigate_analyst_pii'] LOOP
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET default_transaction_read_only = on', role_name, db);
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = %L', role_name, db, '60s');
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET lock_timeout = %L', role_name, db, '3s');
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET idle_in_transaction_session_timeout = %L', role_name, db, '60s');
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET idle_session_timeout = %L', role_name, db, '8h');
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET work_mem = %L', role_name, db, '64MB');
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET jit = off', role_name, db); -- compiling takes longer than these views run
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET temp_file_limit = %L', role_name, db, '4GB');
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = weigate_mart, pg_catalog', role_name, db);
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET TimeZone = %L', role_name, db, 'Asia/Shanghai');
    EXECUTE format('ALTER ROLE %I CONNECTION LIMIT 20', role_name);
  END LOOP;
END $$;
