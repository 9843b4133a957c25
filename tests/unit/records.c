/* SPDX-License-Identifier: Apache-2.0
 * records: see records.h. */
#include "records.h"

#include <stdlib.h>

#include "fcgi/frames.h"

void record_add(struct buf *out, uint8_t type, uint16_t id, struct str content, uint8_t padding) {
  const uint8_t header[8] = {1, type, (uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(content.n >> 8), (uint8_t)content.n, padding, 0};
  buf_add(out, header, sizeof header);
  buf_add_str(out, content);
  for (int i = 0; i < padding; i++) buf_add_char(out, (char)0xff);
}

void record_begin(struct buf *out, uint16_t id, uint16_t role, uint8_t flags) {
  const char body[8] = {(char)(role >> 8), (char)role, (char)flags};
  record_add(out, BEGIN, id, str_make(body, sizeof body), 0);
}

static void add_length(struct buf *out, size_t n) {
  if (n < 128) {
    buf_add_char(out, (char)n);
    return;
  }
  const uint8_t length[4] = {(uint8_t)(n >> 24 | 0x80), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
  buf_add(out, length, sizeof length);
}

void pair_add(struct buf *out, struct str name, struct str value) {
  add_length(out, name.n);
  add_length(out, value.n);
  buf_add_str(out, name);
  buf_add_str(out, value);
}

void request_add(struct buf *out, uint16_t id, uint8_t flags, struct str pairs, struct str body) {
  record_begin(out, id, RESPONDER, flags);
  if (pairs.n > 0) record_add(out, PARAMS, id, pairs, 0);
  record_add(out, PARAMS, id, STR_NONE, 0);
  if (body.n > 0) record_add(out, STDIN, id, body, 0);
  record_add(out, STDIN, id, STR_NONE, 0);
}

void pairs_add_get(struct buf *out, const char *path) {
  pair_add(out, STR("REQUEST_METHOD"), STR("GET"));
  pair_add(out, STR("REQUEST_URI"), str_of(path));
  pair_add(out, STR("QUERY_STRING"), STR(""));
  pair_add(out, STR("SCRIPT_NAME"), str_of(path));
}

struct seen {
  uint8_t type;
  int id;
  struct str content;
};

static bool next_record(struct str *rest, struct seen *ret) {
  const uint8_t *p = (const uint8_t *)rest->p;
  if (rest->n < 8) return false;
  size_t content = (size_t)(p[4] << 8 | p[5]), whole = 8 + content + p[6];
  if (rest->n < whole) return false;
  *ret = (struct seen){p[1], p[2] << 8 | p[3], str_make(rest->p + 8, content)};
  *rest = str_from(*rest, whole);
  return true;
}

void answer_read(struct str bytes, uint16_t id, struct buf *ret_stdout, int *ret_ended) {
  struct seen seen;
  *ret_ended = -1;
  while (next_record(&bytes, &seen)) {
    if (seen.id != id) continue;
    if (seen.type == STDOUT) buf_add_str(ret_stdout, seen.content);
    if (seen.type == END) *ret_ended = seen.content.p[4];
  }
}

size_t records_count(struct str bytes, uint8_t type, int id) {
  struct seen seen;
  size_t count = 0;
  while (next_record(&bytes, &seen))
    if (seen.type == type && (id < 0 || seen.id == id)) count++;
  return count;
}

struct fcgi_exchange *exchange_of(struct str pairs, struct str body) {
  static const struct frames_limits limits = {1 << 18, 1 << 17, 1000, 1 << 17};
  struct fcgi_exchange *exchange = exchange_new(NULL, NULL);
  struct exchange_pipe pipe;
  struct frames frames;
  struct buf request;
  buf_init(&request, 1 << 18);
  request_add(&request, 1, KEEP, pairs, body);
  frames_start(&frames);
  frames_look(&frames, (const uint8_t *)request.data, request.len, &limits);
  if (!exchange || exchange_init_library(NULL) != 0 || exchange_pipe_open(&pipe, 1 << 18, NULL) != 0 ||
      frames.verdict != FRAMES_REQUEST || exchange_take(exchange, &pipe, (uint8_t *)request.data, request.len, -1) != 0)
    abort();
  exchange->is_odd = frames.is_odd;
  exchange_pipe_close(&pipe);
  buf_done(&request);
  return exchange;
}
