#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The postgres plugin keeps every promise, against a cluster of its own; a database for each check.
set -u
plugin=$PWD/.libs/postgres.so
[ -e "$plugin" ] || exit 77
# The sanitizers' builds are slow, and look at our code, which the core runs through.
level=crash
grep -q -e --enable-sanitizer options 2>/dev/null && level=core
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck disable=SC2016 # PGHOST is known inside only
exec bash "$here/with_postgres.sh" sh -c '
  exec ./weigatectl plugins check "$0" --option "dsn=host=$PGHOST dbname=@NAME@ user=weigate" --fresh "$1/../../plugins/postgres/fresh.sh" --level "$2"' \
  "$plugin" "$here" "$level"
