#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The template keeps every promise: whoever begins with it begins with a plugin that passes.
set -u
# shellcheck source=/dev/null
. "${srcdir:-.}/tests/store/check_all.sh"
check_all template
