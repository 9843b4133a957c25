/* SPDX-License-Identifier: Apache-2.0
 * fault_fields: one row per field of a fault, read by the parser, the sandbox's page and its manual; any thread. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base64.h"
#include "faults.h"
#include "ledger.h"
#include "people.h"

/* An hour, as for --latency-ms. */
#define TIME_MAX_MS 3600000
/* Enough to pass any cap on an answer; the bytes are made on the fly or are one allocation. */
#define BYTES_MAX (1u << 30)

enum field_type {
  FIELD_NOTE,
  FIELD_PERSON,
  FIELD_CALL,
  FIELD_BOOL,
  FIELD_UINT,
  FIELD_TEXT,
  FIELD_BASE64,
  FIELD_VALUE,
  FIELD_TYPE,
  FIELD_PAIRS,
  FIELD_RAW_PAIRS,
  FIELD_BASE64_PAIRS,
  FIELD_HEADERS
};

struct field_row {
  const char *name;
  enum field_type type;
  size_t offset;
  uint64_t max;
  const char *form, *sentence;
};

extern const struct field_row field_table[];

static int keep_bytes(struct fault_bytes *to, const char *bytes, size_t n) {
  char *copy = malloc(n + 1);
  if (!copy) return -1;
  memcpy(copy, bytes, n);
  copy[n] = '\0';
  free(to->p);
  *to = (struct fault_bytes){copy, n, true};
  return 0;
}

static int keep_base64(struct fault_bytes *to, const char *text) {
  struct str from = str_of(text);
  char *bytes = malloc(from.n + 1);
  size_t n;
  if (!bytes || base64_decode((uint8_t *)bytes, from, &n)) {
    free(bytes);
    return -1;
  }
  free(to->p);
  *to = (struct fault_bytes){bytes, n, true};
  return 0;
}

static int keep_value(struct fault_bytes *to, const cJSON *value) {
  char *text = cJSON_PrintUnformatted(value);
  if (!text) return -1;
  int kept = keep_bytes(to, text, strlen(text));
  cJSON_free(text);
  return kept;
}

static struct fault_bytes *add_pair(struct fault_pairs *pairs, const char *name) {
  for (size_t i = 0; i < pairs->count; i++)
    if (strcmp(pairs->row[i].name, name) == 0) return &pairs->row[i].value;
  if (pairs->count == FAULT_PAIRS_MAX) return NULL;
  struct fault_pair *pair = &pairs->row[pairs->count];
  *pair = (struct fault_pair){.name = str_dup(str_of(name))};
  if (!pair->name) return NULL;
  pairs->count++;
  return &pair->value;
}

static int keep_pair(struct fault_bytes *to, enum field_type type, const cJSON *value) {
  if (type == FIELD_PAIRS) return keep_value(to, value);
  if (!cJSON_IsString(value)) return -1;
  if (type == FIELD_BASE64_PAIRS) return keep_base64(to, value->valuestring);
  return keep_bytes(to, value->valuestring, strlen(value->valuestring));
}

static int keep_pairs(struct fault_pairs *pairs, enum field_type type, const cJSON *object) {
  if (!cJSON_IsObject(object)) return -1;
  for (const cJSON *value = object->child; value; value = value->next) {
    struct fault_bytes *to = add_pair(pairs, value->string);
    if (!to || keep_pair(to, type, value)) return -1;
  }
  return 0;
}

static int keep_person(struct fault *fault, const cJSON *value) {
  if (!cJSON_IsString(value)) return -1;
  fault->person = people_find(str_of(value->valuestring));
  return fault->person == PERSON_NONE ? -1 : 0;
}

static int keep_call(struct fault *fault, const cJSON *value) {
  if (!cJSON_IsString(value)) return -1;
  fault->call = (int)ledger_call_find(str_of(value->valuestring));
  return fault->call == CALL_COUNT ? -1 : 0;
}

static int keep_uint(uint64_t *to, uint64_t max, const cJSON *value) {
  if (!cJSON_IsNumber(value) || value->valuedouble < 0 || value->valuedouble > (double)max) return -1;
  *to = (uint64_t)value->valuedouble;
  return (double)*to == value->valuedouble ? 0 : -1;
}

static int keep_text(struct fault_bytes *to, const cJSON *value) {
  if (cJSON_IsNumber(value)) return keep_value(to, value);
  return cJSON_IsString(value) ? keep_bytes(to, value->valuestring, strlen(value->valuestring)) : -1;
}

static int keep_type(struct fault_bytes *to, const cJSON *value) {
  if (!cJSON_IsNull(value)) return keep_text(to, value);
  free(to->p);
  *to = (struct fault_bytes){NULL, 0, true};
  return 0;
}

static int keep_field(struct fault *fault, const struct field_row *row, const cJSON *value) {
  void *to = (char *)fault + row->offset;
  switch (row->type) {
  case FIELD_NOTE:
    return cJSON_IsString(value) ? 0 : -1;
  case FIELD_PERSON:
    return keep_person(fault, value);
  case FIELD_CALL:
    return keep_call(fault, value);
  case FIELD_BOOL:
    *(bool *)to = cJSON_IsTrue(value);
    return cJSON_IsBool(value) ? 0 : -1;
  case FIELD_UINT:
    return keep_uint(to, row->max, value);
  case FIELD_TEXT:
    return keep_text(to, value);
  case FIELD_BASE64:
    return cJSON_IsString(value) ? keep_base64(to, value->valuestring) : -1;
  case FIELD_VALUE:
    return keep_value(to, value);
  case FIELD_TYPE:
    return keep_type(to, value);
  case FIELD_PAIRS:
  case FIELD_RAW_PAIRS:
  case FIELD_BASE64_PAIRS:
  case FIELD_HEADERS:
    return keep_pairs(to, row->type, value);
  }
  return -1;
}

static int keep_fields(struct fault *fault, const cJSON *object, struct err *err) {
  for (const cJSON *value = object->child; value; value = value->next) {
    const struct field_row *row = field_table;
    while (row->name && strcmp(row->name, value->string) != 0) row++;
    if (!row->name) return err_set(err, "unknown field \"%.64s\"; GET /sandbox/kinds lists them", value->string);
    if (keep_field(fault, row, value)) return err_set(err, "\"%s\" must be %s", row->name, row->form);
  }
  return 0;
}

static int keep_kind(struct fault *fault, const char *name, struct err *err) {
  for (size_t i = 0; i < fault_kinds_count; i++) {
    if (strcmp(fault_kinds[i].name, name) != 0) continue;
    cJSON *fields = cJSON_Parse(fault_kinds[i].fields);
    int kept = fields ? keep_fields(fault, fields, err) : err_set(err, "out of memory");
    cJSON_Delete(fields);
    if (kept == 0 && fault_kinds[i].call) fault->call = (int)ledger_call_find(str_of(fault_kinds[i].call));
    return kept;
  }
  return err_set(err, "unknown kind \"%.64s\"; GET /sandbox/kinds lists them", name);
}

static void clear_pairs(struct fault_pairs *pairs) {
  for (size_t i = 0; i < pairs->count; i++) {
    free(pairs->row[i].name);
    free(pairs->row[i].value.p);
  }
}

int fault_parse(struct fault *fault, const cJSON *object, struct err *err) {
  const cJSON *kind = cJSON_GetObjectItemCaseSensitive(object, "kind");
  fault->person = PERSON_NONE;
  fault->call = CALL_ANY;
  fault->truncate_at = TRUNCATE_NEVER;
  if (cJSON_IsString(kind) && keep_kind(fault, kind->valuestring, err)) return -1;
  if (keep_fields(fault, object, err)) return -1;
  fault->text = cJSON_PrintUnformatted(object);
  return fault->text ? 0 : err_set(err, "out of memory");
}

void fault_clear(struct fault *fault) {
  struct fault_bytes *owned[] = {&fault->errcode, &fault->errmsg, &fault->content_type, &fault->retry_after,    &fault->redirect,
                                 &fault->body,    &fault->raw,    &fault->raw_repeat,   &fault->double_callback};
  for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) free(owned[i]->p);
  clear_pairs(&fault->set);
  clear_pairs(&fault->headers);
  cJSON_free(fault->text);
}

bool fault_field_at(size_t index, struct fault_field_help *ret_help) {
  const struct field_row *row = &field_table[index];
  if (!row->name) return false;
  *ret_help = (struct fault_field_help){row->name, row->form, row->sentence};
  return true;
}

#define AT(member) offsetof(struct fault, member)

/* clang-format off */
const struct field_row field_table[] = {
  {"kind", FIELD_NOTE, 0, 0, "the name of a ready-made fault", "starts from a ready-made fault; other fields change it"},
  {"note", FIELD_NOTE, 0, 0, "a text", "anything you want to read in the list"},
  {"person", FIELD_PERSON, 0, 0, "the id of a virtual person", "only for this person; else for everybody"},
  {"call", FIELD_CALL, 0, 0, "authorize, qrconnect, access_token, refresh_token, userinfo or auth",
   "only at this call; else at the four API calls"},
  {"count", FIELD_UINT, AT(count), 1000000000, "a number", "so many times; 0 or absent: until it is removed"},
  {"errcode", FIELD_VALUE, AT(errcode), 0, "a number, or a text with a number",
   "WeChat's error in place of the answer; on the authorize page 100xx"},
  {"errmsg", FIELD_TEXT, AT(errmsg), 0, "a text", "its sentence, in place of WeChat's"},
  {"keep_fields", FIELD_BOOL, AT(keep_fields), 0, "true or false",
   "the call is carried out and the error stands beside its good answer"},
  {"consume", FIELD_BOOL, AT(consume), 0, "true or false",
   "the call is carried out (the code is used) although its answer is replaced"},
  {"set", FIELD_PAIRS, AT(set), 0, "an object", "members to add or replace; null removes one"},
  {"set_raw", FIELD_RAW_PAIRS, AT(set), 0, "an object of texts", "the same with raw JSON as texts, such as \"1e400\""},
  {"set_base64", FIELD_BASE64_PAIRS, AT(set), 0, "an object of base64 texts", "the same with any bytes"},
  {"reversed", FIELD_BOOL, AT(reversed), 0, "true or false", "members in reverse order"},
  {"bom", FIELD_BOOL, AT(bom), 0, "true or false", "a byte order mark first"},
  {"extra_members", FIELD_UINT, AT(extra_members), 1000000, "a number", "so many unknown members more"},
  {"blanks", FIELD_UINT, AT(blanks), BYTES_MAX, "a number", "so many blanks before the last brace"},
  {"status", FIELD_UINT, AT(status), 599, "an HTTP status", "with an empty page unless a body is given"},
  {"content_type", FIELD_TYPE, AT(content_type), 0, "a text or null", "Content-Type; null: none at all"},
  {"retry_after", FIELD_TEXT, AT(retry_after), 0, "a text or number", "Retry-After"},
  {"headers", FIELD_HEADERS, AT(headers), 0, "an object of texts", "further header fields"},
  {"redirect", FIELD_TEXT, AT(redirect), 0, "an address", "302 to there"},
  {"body", FIELD_TEXT, AT(body), 0, "a text", "the whole body in place of the answer"},
  {"body_base64", FIELD_BASE64, AT(body), 0, "a base64 text", "the same with any bytes"},
  {"pad_bytes", FIELD_UINT, AT(pad_bytes), BYTES_MAX, "a number", "the body is filled up with blanks to this size"},
  {"gzip", FIELD_BOOL, AT(gzip), 0, "true or false", "the body is compressed although nobody asked"},
  {"gzip_bomb_bytes", FIELD_UINT, AT(gzip_bomb_bytes), BYTES_MAX, "a number", "a small compressed body that becomes so large"},
  {"endless", FIELD_BOOL, AT(endless), 0, "true or false", "the body never ends"},
  {"delay_ms", FIELD_UINT, AT(delay_ms), TIME_MAX_MS, "milliseconds", "answers so much later"},
  {"jitter_ms", FIELD_UINT, AT(jitter_ms), TIME_MAX_MS, "milliseconds", "and up to so much later still, at random"},
  {"drip_ms", FIELD_UINT, AT(drip_ms), TIME_MAX_MS, "milliseconds", "the body comes one byte at a time, so far apart"},
  {"truncate_at", FIELD_UINT, AT(truncate_at), BYTES_MAX, "a number", "closes after so many bytes of the body, as promised more"},
  {"close", FIELD_BOOL, AT(close), 0, "true or false", "closes without an answer"},
  {"reset", FIELD_BOOL, AT(reset), 0, "true or false", "resets the connection; with truncate_at in the middle of the body"},
  {"raw", FIELD_TEXT, AT(raw), 0, "a text", "these bytes instead of an HTTP answer, then closes (http only)"},
  {"raw_base64", FIELD_BASE64, AT(raw), 0, "a base64 text", "the same with any bytes"},
  {"raw_repeat", FIELD_TEXT, AT(raw_repeat), 0, "a text", "repeated behind raw until the peer leaves"},
  {"raw_repeat_base64", FIELD_BASE64, AT(raw_repeat), 0, "a base64 text", "the same with any bytes"},
  {"raw_repeat_ms", FIELD_UINT, AT(raw_repeat_ms), TIME_MAX_MS, "milliseconds", "pause between repeats"},
  {"double_callback", FIELD_TEXT, AT(double_callback), 0, "same_code or two_codes",
   "authorize and qrconnect: the browser calls back twice"},
  {NULL, FIELD_NOTE, 0, 0, NULL, NULL},
};
/* clang-format on */
