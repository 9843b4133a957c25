#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The memory plugin keeps every promise; in /dev/shm, where it lives.
set -u
# shellcheck source=/dev/null
. "${srcdir:-.}/tests/store/check_all.sh"
check_all memory --option size=16M
