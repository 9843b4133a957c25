#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What an author does: with nothing but what `make install` left, a copy of the template becomes a plugin, as C99 and as C++, and keeps every promise.
set -eu
[ -e .libs/template.so ] || exit 77
command -v pkg-config >/dev/null || exit 77
place=$(mktemp -d "${TMPDIR:-/tmp}/weigate-outside-XXXXXX")
trap 'rm -rf "$place"' EXIT INT TERM
make -s install-weigateincludeHEADERS install-pkgconfigDATA install-dist_templateDATA install-dist_plugincommonDATA install-dist_pluginsreadmeDATA DESTDIR="$place" >/dev/null
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
./weigatectl plugins check "$place/author/mine/mine.so"
if command -v "${CXX:-c++}" >/dev/null 2>&1; then
  # shellcheck disable=SC2046,SC2086 # flags are words
  ( cd "$place/author" && mkdir made && for source in common/*.c; do
      [ "$source" = common/lock.c ] || ${CC:-cc} -std=c99 -D_GNU_SOURCE -fPIC -fvisibility=hidden -O1 -g $(pkg-config --cflags weigate-storage) \
        ${WEIGATE_TEST_CFLAGS:-} -c "$source" -o "made/$(basename "$source").o"
    done
    ${CXX:-c++} -std=c++20 -x c++ -D_GNU_SOURCE -fPIC -fvisibility=hidden -O1 -g -Wall -Wextra -Wpedantic -Wno-missing-field-initializers -Werror \
      $(pkg-config --cflags weigate-storage) ${WEIGATE_TEST_CFLAGS:-} mine/*.c -x none made/*.o -shared -o cplusplus.so )
  ./weigatectl plugins check "$place/author/cplusplus.so"
else
  echo "no C++ compiler: that part was left out"
fi
