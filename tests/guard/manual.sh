#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every command and option that weigatectl --help and weigate --help name stands in the manual page, and every option of weigate.conf in its own.
set -eu
srcdir=${srcdir:-.}
status=0

# Words that begin a line of help, two blanks in: "config check", "people show" of "people show OPENID", "--limit" of "--limit N".
names() {
  sed -n 's/^  \([a-z][^ ]*\( [a-z]\{1,\}\)\{0,1\}\)\( [^ ]*\)\{0,1\}  .*/\1/p; s/^  \(-[a-zA-Z-]*\).*/\1/p'
}

# The help of a program, and of each of its commands.
all_help() { # PROGRAM
  "$1" --help
  "$1" --help | names | while read -r group verb; do
    case $group in -*) ;; *) "$1" "$group" ${verb:+"$verb"} --help ;; esac
  done
}

look_for() { # PROGRAM PAGE
  all_help "$1" | names | while read -r first second; do
    word=$first${second:+ $second}
    shown=$(printf '%s' "$word" | sed 's/-/\\\\-/g')
    grep -q -e "$shown" "$2" || { echo "$2: says nothing of $word"; exit 1; }
  done || status=1
}

look_for ./weigatectl "$srcdir/app/ctl/weigatectl.1.in"
look_for ./weigate "$srcdir/app/master/weigate.8.in"
./weigatectl config sample | sed -n 's/^;\{0,1\}\([a-z_]*\) = .*/\1/p' | while read -r option; do
  grep -q "^.B $option\$" app/conf/weigate.conf.5 || { [ "$option" = path ] || { echo "weigate.conf.5: says nothing of $option"; exit 1; }; }
done || status=1
if command -v man > /dev/null; then
  for page in app/conf/weigate.conf.5 app/master/weigate.8 app/ctl/weigatectl.1 include/weigate-storage.3; do
    warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=100 man --warnings -E UTF-8 -l -Tutf8 -Z "./$page" 2>&1 > /dev/null)
    [ -z "$warnings" ] || { echo "$page: $warnings"; status=1; }
  done
fi
[ $status -ne 0 ] || echo 'the manual says it all'
exit $status
