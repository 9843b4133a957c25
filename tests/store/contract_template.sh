#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The template keeps the contract: whoever begins with it begins with a plugin that passes.
set -u
[ -e .libs/template.so ] || exit 77
# shellcheck source=/dev/null
. "${srcdir:-.}/tests/store/contract_of.sh"
contract_of template 'path=@DIR@/people.journal'
