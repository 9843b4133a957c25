#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Plugins that were built with earlier headers, and are never built again, still load and keep every promise. For x86-64 Linux.
#   template-1.0.so.gz  with the first header      template-1.1.so.gz  with health.server and host.process
# Another one joins them with each minor version:
#   cc -std=c99 -O2 -fPIC -fvisibility=hidden -D_GNU_SOURCE -Iinclude -shared -s -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--build-id=none \
#     -o template-1.N.so plugins/template/*.c $(ls plugins/common/*.c | grep -v lock.c) && gzip -n9 template-1.N.so
set -eu
[ "$(uname -sm)" = "Linux x86_64" ] || exit 77
here=$(cd "$(dirname "$0")" && pwd)
place=$(mktemp -d "${TMPDIR:-/tmp}/weigate-kept-XXXXXX")
trap 'rm -rf "$place"' EXIT INT TERM
for kept in "$here"/kept/*.so.gz; do
  plugin=$place/$(basename "$kept" .gz)
  gzip -dc "$kept" >"$plugin"
  ./weigatectl plugins check "$plugin"
done
