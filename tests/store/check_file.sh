#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The file plugin keeps every promise of <weigate/storage.h>. (D23, D26: also memory, postgres and template, by the same checks)
# Among them, by case: texts are data whatever they hold (Z02, Z14, D17), keys differ by every byte (Z09), what is unknown never erases what is
# known (Z11), a unionid finds all its openids (Z10), an erased person is gone and begins anew (Z18).
set -u
[ -e .libs/file.so ] || exit 77
exec ./weigatectl plugins check .libs/file.so --level crash
