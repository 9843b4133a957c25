/* SPDX-License-Identifier: Apache-2.0
 * kinds: the table. */
#include "store/kinds.h"

const struct kind kinds[] = {
    {KIND_STATE, true}, {KIND_CODE, true}, {KIND_REVOKE, true}, {KIND_HANDOVER, true}, {KIND_REFRESH, false}, {KIND_COPY, false},
};
const size_t kinds_count = sizeof kinds / sizeof kinds[0];
