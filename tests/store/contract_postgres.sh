#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The contract of a storage plugin, held by plugins/postgres against a cluster of its own. Run by make check in the build directory.
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  plugin=$PWD/.libs/postgres.so
  [ -f "$plugin" ] || { echo "the postgres plugin was not built"; exit 77; }
  exec bash "$(dirname "$0")/with_postgres.sh" "$plugin" bash "$0" --inside
fi
failed=0
for chapter in ${CHAPTERS:-people merge batch tickets scan life crowd}; do
  tests/store/"contract_$chapter" || failed=1
done
exit $failed
