#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make NAME, drop NAME: the first database that is dropped becomes the pattern of all others, so that setup runs once.
set -eu
has_pattern=$(psql -XAtc "SELECT count(*) FROM pg_database WHERE datname = 'kit_pattern'")
case $1$has_pattern in
  make0) exec createdb -T template0 -E UTF8 "$2" ;;
  make1) exec createdb -T kit_pattern "$2" ;;
  drop0) exec psql -Xqc "ALTER DATABASE \"$2\" RENAME TO kit_pattern" ;;
  drop1) exec dropdb --if-exists -f "$2" ;;
esac
exit 2
