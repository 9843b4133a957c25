#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The storage interface is frozen: nothing of storage-v1.golden may move; what is new stands behind it in its struct.
set -eu
golden=${srcdir:-.}/tests/abi/storage-v1.golden
if ! ./tests/abi/layout | diff -u "$golden" -; then
  echo "tests/abi: the layout of <weigate/storage.h> changed; plugins built before would break" >&2
  exit 1
fi
