# SPDX-License-Identifier: Apache-2.0
# Sourced: contract_of PLUGIN OPTIONS runs every chapter of the contract against a plugin of this build.
contract_of() {
  plugin=$PWD/.libs/$1.so
  status=0
  for chapter in people merge batch tickets scan life crowd; do
    WEIGATE_PLUGIN=$plugin WEIGATE_PLUGIN_OPTIONS=$2 tests/store/contract_$chapter || { echo "$1 breaks the contract: $chapter"; status=1; }
  done
  return $status
}
