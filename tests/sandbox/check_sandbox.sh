#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the sandbox's own tests against the program in the build folder; skipped where pytest is missing.
here=$(cd "$(dirname "$0")" && pwd)
python=/usr/bin/python3
"$python" -c 'import pytest' 2>/dev/null || exit 77
WEIGATE_SANDBOX=${WEIGATE_SANDBOX:-$PWD/weigate-sandbox} PYTHONDONTWRITEBYTECODE=1 exec "$python" -m pytest -q -p no:cacheprovider "$here"
