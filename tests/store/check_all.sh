# SPDX-License-Identifier: Apache-2.0
# Sourced: check_all PLUGIN OPTION… holds a plugin of this build against every promise; in the slow builds of the sanitizers against the core, and
# crowds, where threads and processes meet.
check_all() {
  [ -e ".libs/$1.so" ] || exit 77
  plugin=.libs/$1.so
  shift
  if grep -q -e --enable-sanitizer options 2>/dev/null; then
    ./weigatectl plugins check "$plugin" "$@" && ./weigatectl plugins check "$plugin" "$@" --level full --only crowd
  else
    ./weigatectl plugins check "$plugin" "$@" --level crash
  fi
}
