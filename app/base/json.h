/* SPDX-License-Identifier: Apache-2.0
 * json: cJSON behind the checks it lacks (depth, NUL, duplicates, rest of input, case), and strict typed getters. */
#ifndef WEIGATE_BASE_JSON_H
#define WEIGATE_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

struct cJSON;

/* Deepest nesting accepted; WeChat's deepest answer has 2 levels. */
#define JSON_DEPTH_MAX 32
/* Most members and elements in one document; WeChat's largest answer has about 20. */
#define JSON_ITEMS_MAX 1024

/* Parses one object that fills the whole input (blanks around it and a leading BOM are accepted). Bytes inside strings are
 * repaired before: raw control bytes stand for themselves as an escape of theirs would, ill-formed UTF-8 and lone \uD800-\uDFFF
 * escapes become U+FFFD; escapes are otherwise left alone. Refused with a reason (a static text that goes on from "the answer
 * cannot be used: "): NUL byte, broken escape, more than JSON_DEPTH_MAX levels or JSON_ITEMS_MAX items, a second document behind
 * it, top level not an object. Strings that held \u0000 are marked so that json_get_string() refuses them and names that held it
 * match nothing. The result is freed with json_free(). Any thread. */
int json_parse_object(struct str text, struct cJSON **ret_object, const char **ret_why);
void json_free(struct cJSON *object);

enum json_got { JSON_GOT, JSON_MISSING, JSON_ODD };

/* Case-sensitive; JSON_ODD: the member is there twice or has another type than asked for, or a string holds NUL. The slice lives
 * as long as the object. */
enum json_got json_get_string(const struct cJSON *object, const char *name, struct str *ret_text);
/* An integer that a double holds exactly, within min..max. */
enum json_got json_get_int(const struct cJSON *object, const char *name, int64_t min, int64_t max, int64_t *ret_value);
/* For display texts: appends the member's text with every \u0000 taken out. JSON_ODD as above but for NUL. */
enum json_got json_get_text(const struct cJSON *object, const char *name, struct buf *out);
/* The array member itself. */
enum json_got json_get_array(const struct cJSON *object, const char *name, const struct cJSON **ret_array);

/* Walks an array: *element is NULL before the first call and then each element in turn; false at the end. */
bool json_array_next(const struct cJSON *array, const struct cJSON **element);
/* What json_get_text() does, for an element; JSON_ODD when it is no string. */
enum json_got json_element_text(const struct cJSON *element, struct buf *out);

/* Appends "text" with quotes and escapes; ill-formed UTF-8 becomes U+FFFD. */
void json_add_string(struct buf *out, struct str text);

#endif
