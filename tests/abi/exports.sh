#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A plugin exports one function and wants nothing of its host.
set -eu
plugin=.libs/file.so
exported=$(nm -D --defined-only "$plugin" | awk '{ print $3 }' | grep -v -E '^(__asan|__ubsan|__tsan|__odr_asan|__lsan)' || true)
if [ "$exported" != weigate_storage_plugin_v1 ]; then
  echo "$plugin exports: $exported" >&2
  exit 1
fi
if nm -D --undefined-only "$plugin" | awk '{ print $2 }' | grep -E '^(weigate|log|loop|buf|coro|store|conf)_'; then
  echo "$plugin wants the symbols above of its host" >&2
  exit 1
fi
