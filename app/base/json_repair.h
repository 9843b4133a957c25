/* SPDX-License-Identifier: Apache-2.0
 * json_repair: the walk over a document before cJSON sees it; for json.c only. */
#ifndef WEIGATE_BASE_JSON_REPAIR_H
#define WEIGATE_BASE_JSON_REPAIR_H

#include "base/buf.h"
#include "base/text.h"

/* Stands in a repaired string where \u0000 was. The byte cannot come from elsewhere: ill-formed UTF-8 is replaced, and no escape
 * makes it. */
#define JSON_NUL_MARK ((char)0xFF)

/* Writes to `out` what cJSON may parse: one object within the limits of json.h, its strings repaired as json_parse_object() says,
 * blanks between tokens made one. At most 3 bytes per byte of text plus 1. -1 with a static reason in *ret_why. Any thread. */
int json_repair(struct str text, struct buf *out, const char **ret_why);

#endif
