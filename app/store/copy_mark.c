/* SPDX-License-Identifier: Apache-2.0
 * copy_mark: one JSON object, so that an admin who opens the store reads it too. Any thread. */
#include "store/copy_mark.h"

#include "base/json.h"
#include "store/kinds.h"

/* 2^53: the largest whole number that every reader of JSON keeps. */
#define NUMBER_MAX INT64_C(9007199254740992)

/* The members that are numbers, in both directions. */
struct number {
  const char *name;
  int64_t value;
};
#define NUMBERS 6

static void list_numbers(const struct copy_mark *mark, struct number numbers[NUMBERS]) {
  const struct number all[NUMBERS] = {{"begun_us", mark->begun_us}, {"copied", (int64_t)mark->copied},
                                      {"pass", mark->pass},         {"pass_begun_us", mark->pass_begun_us},
                                      {"since_us", mark->since_us}, {"part", mark->part}};
  memcpy(numbers, all, sizeof(all));
}

void copy_mark_format(const struct copy_mark *mark, struct buf *out) {
  struct number numbers[NUMBERS];
  char cursor[2 * WEIGATE_CURSOR_MAX];
  list_numbers(mark, numbers);
  text_base64url_encode(cursor, (const uint8_t *)mark->cursor, mark->cursor_size);
  buf_addf(out, "{\"state\":\"%s\",\"from\":", mark->is_done ? "done" : "copying");
  json_add_string(out, str_of(mark->from));
  buf_addf(out, ",\"source\":\"%s\",\"id\":\"%s\"", mark->source, mark->id);
  for (size_t i = 0; i < NUMBERS; i++) buf_addf(out, ",\"%s\":%lld", numbers[i].name, (long long)numbers[i].value);
  buf_addf(out, ",\"cursor\":\"%s\"}", cursor);
}

struct weigate_ticket copy_mark_key(void) {
  return (struct weigate_ticket){.struct_size = sizeof(struct weigate_ticket),
                                 .flags = WEIGATE_TICKET_DURABLE,
                                 .kind = {KIND_COPY, sizeof(KIND_COPY) - 1},
                                 .key = {COPY_MARK_KEY, sizeof(COPY_MARK_KEY) - 1}};
}

static int get_text(const struct cJSON *object, const char *name, char *to, size_t size) {
  struct str text;
  return json_get_string(object, name, &text) == JSON_GOT ? str_copy(text, to, size) : -1;
}

static int read_numbers(const struct cJSON *object, struct copy_mark *mark) {
  struct number numbers[NUMBERS];
  list_numbers(mark, numbers);
  for (size_t i = 0; i < NUMBERS; i++)
    if (json_get_int(object, numbers[i].name, 0, NUMBER_MAX, &numbers[i].value) != JSON_GOT) return -1;
  mark->begun_us = numbers[0].value;
  mark->copied = (uint64_t)numbers[1].value;
  mark->pass = (uint32_t)numbers[2].value;
  mark->pass_begun_us = numbers[3].value;
  mark->since_us = numbers[4].value;
  mark->part = (uint32_t)numbers[5].value;
  return 0;
}

static int read_mark(const struct cJSON *object, struct copy_mark *mark) {
  struct str state, cursor;
  size_t cursor_size = 0;
  if (json_get_string(object, "state", &state) != JSON_GOT || json_get_string(object, "cursor", &cursor) != JSON_GOT) return -1;
  mark->is_done = str_eq(state, STR("done"));
  if (get_text(object, "from", mark->from, sizeof mark->from) != 0) return -1;
  if (get_text(object, "source", mark->source, sizeof mark->source) != 0) return -1;
  if (get_text(object, "id", mark->id, sizeof mark->id) != 0) return -1;
  if (text_base64url_decode((uint8_t *)mark->cursor, sizeof mark->cursor, cursor, &cursor_size) != 0) return -1;
  mark->cursor_size = (uint32_t)cursor_size;
  return read_numbers(object, mark);
}

int copy_mark_parse(struct str value, struct copy_mark *ret_mark) {
  struct copy_mark mark = {0};
  struct cJSON *object = NULL;
  const char *why;
  if (json_parse_object(value, &object, &why) != 0) return -1;
  int result = read_mark(object, &mark);
  json_free(object);
  if (result == 0) *ret_mark = mark;
  return result;
}
