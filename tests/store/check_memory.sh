#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The memory plugin keeps every promise; in /dev/shm, where it lives.
set -u
[ -e .libs/memory.so ] || exit 77
exec ./weigatectl plugins check .libs/memory.so --option size=16M --level crash
