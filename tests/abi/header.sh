#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# <weigate/storage.h> compiles alone, as strict C99, as C17 and as C++11, without a warning.
set -eu
include=${srcdir:-.}/include
# CC may be more than one word ("ccache gcc").
check() {
  compiler=$1
  shift
  printf '#include <weigate/storage.h>\nint weigate_header_check(void);\nint weigate_header_check(void) { return WEIGATE_OK; }\n' |
    $compiler "$@" -I"$include" -Wall -Wextra -Wpedantic -Werror -fsyntax-only -
}
check "${CC:-cc}" -std=c99 -x c
check "${CC:-cc}" -std=c17 -x c
if command -v "${CXX:-c++}" >/dev/null 2>&1; then
  check "${CXX:-c++}" -std=c++11 -x c++
else
  echo "no C++ compiler: that part was left out"
fi
