#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The postgres plugin keeps its promises, against a cluster of its own; a database for each check, made from one in which setup ran once, but for the
# check that begins with an empty one. Ten thousand steps and a thousand openings are left to scripts/prove (tests/flow/test_plugins_check.py).
set -u
[ -e .libs/postgres.so ] || exit 77
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1:-}" != --inside ]; then exec bash "$here/with_postgres.sh" sh "$0" --inside; fi

check() { # FRESH OPTION…
  fresh=$1
  shift
  ./weigatectl plugins check .libs/postgres.so --option "dsn=host=$PGHOST dbname=@NAME@ user=weigate" --fresh "$fresh" "$@"
}
slow=$(grep -c -e --enable-sanitizer options 2>/dev/null)
check "$here/fresh_copy.sh" --only an_empty_batch_is_fine &&
  check "$here/fresh_copy.sh" &&
  check "$here/../../plugins/postgres/fresh.sh" --only eight_processes_begin_an_empty_store_at_once &&
  { [ "$slow" = 1 ] || { check "$here/fresh_copy.sh" --level full --only crowd && check "$here/fresh_copy.sh" --level crash --only crash; }; }
