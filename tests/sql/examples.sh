#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sql/examples: an analyst runs the twelve questions on a year of virtual history and gets what sql/examples/expected says. With --write the
# answers are written there instead. Run by make check; ends with 77 (skipped) where no server is installed.
set -euo pipefail

source=$(cd "$(dirname "$0")/../.." && pwd)
if [ "${1:-}" != --inside ]; then
  if grep -qs -e --enable-sanitizer options; then echo "no C here: the plain build runs it" >&2; exit 77; fi
  exec bash "$source/tests/store/with_postgres.sh" bash "$0" --inside "$@"
fi
shift
now="2026-07-01 08:30+08"
export PGOPTIONS='-c client_min_messages=warning' PGCLIENTENCODING=UTF8

as_migrator() {
  PGUSER=weigate_migrator psql -X -q -v ON_ERROR_STOP=1 -d weigate "$@" >/dev/null
}

psql -X -q -c 'CREATE DATABASE weigate'
psql -X -q -v ON_ERROR_STOP=1 -d weigate -f "$source/sql/roles.sql" >/dev/null
for file in "$source"/sql/[0-9]*.sql; do as_migrator -1 -f "$file"; done
as_migrator -v people=5000 -v seed=1 -v today=2026-07-01 -f "$source/sql/examples/history.sql"
as_migrator -c "SET weigate.now = '$now'" -c 'SELECT weigate.mart_refresh()' -c 'SELECT weigate.grant_roles()'

failed=0
for file in "$source"/sql/examples/q*.sql; do
  name=$(basename "$file" .sql)
  answer=$(PGOPTIONS="-c weigate.now=${now// /\\ }" psql -X -q -v ON_ERROR_STOP=1 -P pager=off -d weigate -U weigate_analyst -f "$file" 2>&1) || { echo "FAIL: $name: $answer"; failed=1; continue; }
  if [ "${1:-}" = --write ]; then
    mkdir -p "$source/sql/examples/expected"
    printf '%s\n' "$answer" >"$source/sql/examples/expected/$name.txt"
  elif diff -u "$source/sql/examples/expected/$name.txt" - <<<"$answer"; then
    echo "PASS: $name"
  else
    echo "FAIL: $name"
    failed=1
  fi
done
exit $failed
