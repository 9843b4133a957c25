#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pgTAP tests of the schema: applies roles.sql and the numbered files of sql/ to databases of an own cluster and runs tests/sql/*.sql, each
# file in a database of its own and as one transaction that is rolled back. Arguments: files to run alone. Run by make check.
#   tests/sql/run.sh [tests/sql/roles.sql …]
# Ends with 77 (skipped) where the server or pgTAP is not installed.
set -euo pipefail

source=$(cd "$(dirname "$0")/../.." && pwd)
if [ "${1:-}" != --inside ]; then
  if grep -qs -e --enable-sanitizer options; then echo "no C here: the plain build runs it" >&2; exit 77; fi
  compgen -G '/usr/share/postgresql/*/extension/pgtap.control' >/dev/null || { echo "pgTAP is not installed (scripts/deps test)" >&2; exit 77; }
  exec bash "$source/tests/store/with_postgres.sh" bash "$0" --inside "$@"
fi
shift

run_sql() {
  psql -X -q -v ON_ERROR_STOP=1 "$@" >/dev/null
}

# What every file gets a copy of. The superuser of the cluster stands for the admin, weigate_migrator applies the files.
export PGOPTIONS='-c client_min_messages=warning'
run_sql -c 'CREATE DATABASE tap_template'
run_sql -d tap_template -c 'CREATE EXTENSION pgtap' -f "$source/sql/roles.sql"
for file in "$source"/sql/[0-9]*.sql; do
  PGUSER=weigate_migrator run_sql -d tap_template -1 -f "$file"
done
PGUSER=weigate_migrator run_sql -d tap_template -c 'SELECT weigate.grant_roles()'
run_sql -d tap_template -c 'GRANT USAGE ON SCHEMA public TO PUBLIC' # pgTAP's functions, for tests that become another role

files=("$@")
[ ${#files[@]} -gt 0 ] || files=("$source"/tests/sql/*.sql)
failed=0
for file in "${files[@]}"; do
  name=$(basename "$file" .sql)
  run_sql -c "CREATE DATABASE \"tap_$name\" TEMPLATE tap_template"
  # Settings of roles belong to a database; the copy has none.
  run_sql -d "tap_$name" -f "$source/sql/roles.sql" -c 'GRANT USAGE ON SCHEMA public TO PUBLIC'
  status=0
  answer=$(psql -X -A -t -q -v ON_ERROR_STOP=1 -d "tap_$name" -f "$file" 2>&1) || status=$?
  if [ $status != 0 ] || ! grep -q '^1\.\.' <<<"$answer" || grep -qE '^(not ok|# Looks like)' <<<"$answer"; then
    echo "FAIL: tests/sql/$name.sql"
    grep -vE '^ok ' <<<"$answer" || true
    failed=1
  else
    echo "PASS: tests/sql/$name.sql, $(grep -c '^ok ' <<<"$answer") tests"
  fi
  run_sql -c "DROP DATABASE \"tap_$name\" WITH (FORCE)"
done
exit $failed
