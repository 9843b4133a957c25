#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What an author does: with nothing but what `make install` left, a copy of the template becomes a plugin, as C99, and keeps the contract; the
# interface is C++ too.
set -eu
[ -e .libs/template.so ] || exit 77
command -v pkg-config >/dev/null || exit 77
place=$(mktemp -d "${TMPDIR:-/tmp}/weigate-outside-XXXXXX")
trap 'rm -rf "$place"' EXIT INT TERM
make -s install-weigateincludeHEADERS install-pkgconfigDATA install-dist_templateDATA install-dist_plugincommonDATA DESTDIR="$place" >/dev/null
pc=$(find "$place" -name weigate-storage.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
PKG_CONFIG_SYSROOT_DIR=$place
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
template=$(dirname "$(find "$place" -name journal.c)")
mkdir "$place/author"
cp -R "$template" "$template/../common" "$place/author/"
cd "$place/author"
mv template mine
# The build's own checkers (a sanitizer) come along, so that the test programs can load what is made here.
make -s -C mine NAME=mine CC="${CC:-cc}" CFLAGS="-O1 -g -pedantic -Werror ${WEIGATE_TEST_CFLAGS:-}" </dev/null
cd "$OLDPWD"
if command -v "${CXX:-c++}" >/dev/null 2>&1; then
  # shellcheck disable=SC2046 # flags are words
  printf '#include <weigate/storage.h>\nint main() { return weigate_storage_plugin_v1(nullptr) == nullptr; }\n' |
    "${CXX:-c++}" -std=c++11 -x c++ $(pkg-config --cflags weigate-storage) -Wall -Wextra -Wpedantic -Werror -fsyntax-only -
else
  echo "no C++ compiler: that part was left out"
fi
./weigatectl plugins check "$place/author/mine/mine.so"
