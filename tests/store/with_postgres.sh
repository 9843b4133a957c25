#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a command with a PostgreSQL cluster of its own, on a socket in a directory that is gone afterwards:
#   with_postgres.sh COMMAND [ARGUMENT]…
# The command finds PGHOST, PGUSER and PGDATABASE.
# Ends with 77 (skipped) where no server is installed.
set -euo pipefail

programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)
if [ -z "$programs" ] || [ ! -x "$programs/initdb" ]; then
  echo "no PostgreSQL server is installed (scripts/deps test)" >&2
  exit 77
fi

# The server refuses to run as root.
as=()
directory=$(mktemp -d "${TMPDIR:-/tmp}/weigate-pg-XXXXXX")
chmod 755 "$directory"
if [ "$(id -u)" = 0 ]; then
  user=$(id -un postgres 2>/dev/null || echo nobody)
  chown "$user" "$directory"
  as=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups)
fi

stop() {
  "${as[@]}" "$programs/pg_ctl" -D "$directory/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$directory"
}
trap stop EXIT

cd "$directory"
"${as[@]}" "$programs/initdb" -D data -A trust -U weigate -E UTF8 --locale=C.UTF-8 -N >initdb.log 2>&1 || { cat initdb.log >&2; exit 1; }
"${as[@]}" "$programs/pg_ctl" -D data -w -l "$directory/server.log" start \
  -o "-k $directory -h '' -F -c autovacuum=off -c shared_buffers=32MB -c max_wal_size=256MB -c log_min_messages=fatal" >/dev/null ||
  { cat server.log >&2; exit 1; }
cd - >/dev/null

export PGHOST=$directory PGUSER=weigate PGDATABASE=postgres WEIGATE_PG_DATA=$directory/data
"$@"
