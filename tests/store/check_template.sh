#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The template keeps every promise: whoever begins with it begins with a plugin that passes.
set -u
[ -e .libs/template.so ] || exit 77
exec ./weigatectl plugins check .libs/template.so --level crash
