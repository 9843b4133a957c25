#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The memory plugin keeps the contract; in /dev/shm, where it lives.
set -u
[ -e .libs/memory.so ] || exit 77
# shellcheck source=/dev/null
. "${srcdir:-.}/tests/store/contract_of.sh"
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
contract_of memory 'path=@DIR@/people;size=16M'
