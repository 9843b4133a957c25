#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes and drops the scratch databases of `weigatectl plugins check postgres --fresh`. The server is the one that psql finds: PGHOST, PGPORT and
# PGUSER say which; it never touches a database whose name it was not given.
case $1 in
  make) exec createdb -T template0 -E UTF8 "$2" ;;
  drop) exec dropdb --if-exists -f "$2" ;;
esac
echo "fresh: make NAME, or drop NAME" >&2
exit 2
