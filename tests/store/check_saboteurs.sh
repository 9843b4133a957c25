#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every saboteur is caught by the check that names the promise it breaks. (That the template itself passes is check_template.sh.)
set -u
[ -e .libs/template.so ] || exit 77
list=${srcdir:-.}/tests/store/saboteurs/list.txt
grep -v '^#' "$list" | {
  caught=0 count=0
  while read -r name check sentence; do
    count=$((count + 1))
    said=$(./weigatectl plugins check "tests/store/saboteurs/$name.so" --level crash --only "$check" </dev/null 2>&1)
    if ! printf '%s\n' "$said" | grep -q '^not ok 1 - '; then
      printf '%s was not caught: it %s\n%s\n' "$name" "$sentence" "$said"
    else
      caught=$((caught + 1))
    fi
  done
  echo "caught $caught of $count saboteurs"
  echo "$caught passed, $((count - caught)) failed"
  [ "$caught" -eq "$count" ]
}
