#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every shell script passes shellcheck.
set -euo pipefail
cd "${srcdir:-.}"
mapfile -t scripts < <(grep -rlE --include='*' '^#!/(usr/bin/env bash|bin/(ba)?sh)' scripts tests plugins .ci autogen.sh 2>/dev/null | sort)
shellcheck -x "${scripts[@]}"
echo "${#scripts[@]} scripts"
