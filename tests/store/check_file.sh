#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The file plugin keeps every promise of <weigate/storage.h>. (D23, D26: also memory, postgres and template, by the same checks)
# Among them, by case: texts are data whatever they hold (Z02, Z14, D17), keys differ by every byte (Z09), what is unknown never erases what is
# known (Z11), an older record changes nothing
# whenever it arrives (D14), text with a NUL is refused (D18), a unionid finds all its openids (Z10), an erased person is gone and begins anew (Z18).
set -u
# shellcheck source=/dev/null
. "${srcdir:-.}/tests/store/check_all.sh"
check_all file
