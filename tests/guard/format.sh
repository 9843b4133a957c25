#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every C file is as clang-format would write it; the plugin header alone is laid out by hand, for reading in one sitting.
set -euo pipefail
cd "${srcdir:-.}"
find app plugins tests -name node_modules -prune -o -name '*.[ch]' -print0 | xargs -0 -n 16 -P 2 clang-format --dry-run -Werror --ferror-limit=3
