/* SPDX-License-Identifier: Apache-2.0
 * frames: walks FastCGI records and name-value lengths; every byte that libfcgi parses has passed here first. */
#include "fcgi/frames.h"

#include <string.h>

enum { HEADER_BYTES = 8 };

enum record_type {
  TYPE_BEGIN = 1,
  TYPE_ABORT = 2,
  TYPE_END = 3,
  TYPE_PARAMS = 4,
  TYPE_STDIN = 5,
  TYPE_STDOUT = 6,
  TYPE_DATA = 8,
  TYPE_GET_VALUES = 9,
  TYPE_GET_VALUES_RESULT = 10,
  TYPE_UNKNOWN = 11,
};

enum { ROLE_RESPONDER = 1, FLAG_KEEP_CONN = 1 };
enum protocol_status { STATUS_COMPLETE = 0, STATUS_CANT_MPX = 1, STATUS_UNKNOWN_ROLE = 3 };

struct record {
  uint8_t version, type;
  uint16_t id;
  size_t content, padding;
  const uint8_t *body;
};

static struct record read_header(const uint8_t *p) {
  return (struct record){
      .version = p[0],
      .type = p[1],
      .id = (uint16_t)(p[2] << 8 | p[3]),
      .content = (size_t)(p[4] << 8 | p[5]),
      .padding = p[6],
      .body = p + HEADER_BYTES,
  };
}

static size_t record_size(const struct record *record) {
  return HEADER_BYTES + record->content + record->padding;
}

static void refuse(struct frames *frames, enum frames_why why) {
  frames->verdict = FRAMES_REFUSE;
  frames->why = why;
}

static void add_header(struct frames *frames, uint8_t type, uint16_t id, size_t content, size_t padding) {
  const uint8_t header[HEADER_BYTES] = {
      1, type, (uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(content >> 8), (uint8_t)content, (uint8_t)padding, 0};
  memcpy(frames->answer + frames->answer_bytes, header, sizeof header);
  frames->answer_bytes += sizeof header;
}

static void add_bytes(struct frames *frames, const void *bytes, size_t n) {
  memcpy(frames->answer + frames->answer_bytes, bytes, n);
  frames->answer_bytes += n;
}

static void add_end_request(struct frames *frames, uint16_t id, enum protocol_status status) {
  const uint8_t body[8] = {0, 0, 0, 0, (uint8_t)status, 0, 0, 0};
  add_header(frames, TYPE_END, id, sizeof body, 0);
  add_bytes(frames, body, sizeof body);
}

/* STDOUT with a status line and nothing else, its end, END_REQUEST: 8 + 32 + 8 + 16 = 64 bytes, the size of the answer. */
static void add_bare_status(struct frames *frames, uint16_t id, const char *status) {
  static const uint8_t zeros[8];
  uint8_t text[32];
  size_t n = strlen(status);
  memcpy(text, "Status: ", 8);
  memcpy(text + 8, status, n);
  memcpy(text + 8 + n, "\r\n\r\n", 4);
  add_header(frames, TYPE_STDOUT, id, n + 12, sizeof text - n - 12);
  add_bytes(frames, text, n + 12);
  add_bytes(frames, zeros, sizeof text - n - 12);
  add_header(frames, TYPE_STDOUT, id, 0, 0);
  add_end_request(frames, id, STATUS_COMPLETE);
}

static void add_unknown_type(struct frames *frames, uint8_t type) {
  const uint8_t body[8] = {type};
  add_header(frames, TYPE_UNKNOWN, 0, sizeof body, 0);
  add_bytes(frames, body, sizeof body);
}

/* Takes one length of 1 or 4 bytes off; false if it is not all there. */
static bool take_length(const uint8_t **p, size_t *n, size_t *ret_length) {
  if (*n == 0) return false;
  size_t take = (*p)[0] & 0x80 ? 4 : 1;
  if (*n < take) return false;
  *ret_length = take == 1 ? (*p)[0] : ((size_t)((*p)[0] & 0x7f) << 24 | (size_t)(*p)[1] << 16 | (size_t)(*p)[2] << 8 | (*p)[3]);
  *p += take;
  *n -= take;
  return true;
}

/* Does GET_VALUES ask for FCGI_MPXS_CONNS? -1 if its pairs do not add up. */
static int asks_mpxs(const uint8_t *p, size_t n) {
  static const char wanted[] = "FCGI_MPXS_CONNS";
  int found = 0;
  while (n > 0) {
    size_t name, value;
    if (!take_length(&p, &n, &name) || !take_length(&p, &n, &value)) return -1;
    if (name > n || value > n - name) return -1;
    if (name == sizeof wanted - 1 && memcmp(p, wanted, name) == 0) found = 1;
    p += name + value;
    n -= name + value;
  }
  return found;
}

/* FCGI_MAX_CONNS and FCGI_MAX_REQS are not told: they would be the whole pool's, which one worker does not know. */
static void answer_get_values(struct frames *frames, const struct record *record) {
  static const char pair[] = "\x0f\x01"
                             "FCGI_MPXS_CONNS"
                             "0";
  static const uint8_t zeros[8];
  int asked = asks_mpxs(record->body, record->content);
  if (asked < 0) {
    refuse(frames, FRAMES_BAD_PARAMS);
    return;
  }
  size_t n = asked ? sizeof pair - 1 : 0, padding = (8 - n % 8) % 8;
  add_header(frames, TYPE_GET_VALUES_RESULT, 0, n, padding);
  add_bytes(frames, pair, n);
  add_bytes(frames, zeros, padding);
}

static bool is_unknown_type(uint8_t type) {
  return type == 0 || type > TYPE_UNKNOWN;
}

/* A record that no open request owns: management, another request's BEGIN, a stray. The scan goes on behind it. */
static void answer_foreign(struct frames *frames, const struct record *record) {
  frames->verdict = FRAMES_ANSWER;
  frames->is_packed = false;
  if (record->type == TYPE_BEGIN) {
    frames->why = FRAMES_MULTIPLEXED;
    if (record->id == 0 || record->content != 8)
      refuse(frames, FRAMES_BAD_BEGIN);
    else
      add_end_request(frames, record->id, STATUS_CANT_MPX);
  } else if (record->id == 0 && record->type == TYPE_GET_VALUES) {
    frames->why = FRAMES_MANAGEMENT;
    answer_get_values(frames, record);
  } else if (record->id == 0 || is_unknown_type(record->type)) {
    frames->why = FRAMES_MANAGEMENT;
    add_unknown_type(frames, record->type);
  } else {
    frames->why = FRAMES_STRAY;
  }
}

static bool is_foreign(const struct frames *frames, const struct record *record) {
  return record->id == 0 || record->id != frames->request_id || is_unknown_type(record->type);
}

/* The request is over before it was whole: everything up to here is dropped. */
static void answer_aborted(struct frames *frames, size_t size) {
  uint16_t id = frames->request_id;
  bool keep = frames->keep_connection;
  frames_start(frames);
  frames->verdict = FRAMES_ANSWER;
  frames->why = FRAMES_ABORTED;
  frames->size_bytes = size;
  frames->then_close = !keep;
  add_end_request(frames, id, STATUS_COMPLETE);
}

static void answer_bare_status(struct frames *frames, enum frames_why why, const char *status) {
  frames->verdict = FRAMES_ANSWER;
  frames->why = why;
  frames->then_close = true;
  add_bare_status(frames, frames->request_id, status);
}

static void begin(struct frames *frames, const struct record *record) {
  unsigned role = (unsigned)(record->body[0] << 8 | record->body[1]);
  frames->keep_connection = record->body[2] & FLAG_KEEP_CONN;
  frames->is_packed = record->padding == 0;
  if (role == ROLE_RESPONDER) {
    frames->phase = FRAMES_IN_PARAMS;
    frames->request_id = record->id;
    return;
  }
  frames->verdict = FRAMES_ANSWER;
  frames->why = FRAMES_BAD_ROLE;
  frames->then_close = !frames->keep_connection;
  add_end_request(frames, record->id, STATUS_UNKNOWN_ROLE);
}

/* Collects the two lengths of a pair, which may be spread over records. Returns how many bytes it took; refuses beyond the
 * limits. */
static size_t take_lengths(struct frames *frames, const uint8_t *p, size_t n, const struct frames_limits *limits) {
  size_t taken = 0;
  while (taken < n) {
    frames->lengths[frames->lengths_have++] = p[taken++];
    const uint8_t *at = frames->lengths;
    size_t have = frames->lengths_have, name, value;
    if (!take_length(&at, &have, &name) || !take_length(&at, &have, &value)) continue;
    frames->lengths_have = 0;
    if (name > limits->params_max_bytes || value > limits->params_max_bytes)
      refuse(frames, FRAMES_BAD_PARAMS);
    else if (++frames->params_count > limits->params_max_count)
      refuse(frames, FRAMES_TOO_MANY);
    frames->name_left = name;
    frames->value_left = value;
    if (name == 0) frames->is_odd = true;
    break;
  }
  return taken;
}

static size_t take_part(struct frames *frames, const uint8_t *p, size_t n, size_t *left, bool is_name) {
  size_t take = n < *left ? n : *left;
  if (memchr(p, 0, take) || (is_name && memchr(p, '=', take))) frames->is_odd = true;
  *left -= take;
  return take;
}

static void take_params(struct frames *frames, const uint8_t *p, size_t n, const struct frames_limits *limits) {
  frames->params_bytes += n;
  if (frames->params_bytes > limits->params_max_bytes) refuse(frames, FRAMES_TOO_LONG);
  while (n > 0 && frames->verdict != FRAMES_REFUSE) {
    size_t taken;
    if (frames->name_left > 0)
      taken = take_part(frames, p, n, &frames->name_left, true);
    else if (frames->value_left > 0)
      taken = take_part(frames, p, n, &frames->value_left, false);
    else
      taken = take_lengths(frames, p, n, limits);
    p += taken;
    n -= taken;
  }
}

static void end_params(struct frames *frames, const struct record *record) {
  if (frames->lengths_have || frames->name_left || frames->value_left) refuse(frames, FRAMES_BAD_PARAMS);
  if (record->padding) frames->is_packed = false;
  frames->phase = FRAMES_IN_BODY;
}

static void step_in_params(struct frames *frames, const struct record *record, const struct frames_limits *limits) {
  if (record->type != TYPE_PARAMS)
    refuse(frames, FRAMES_BAD_ORDER);
  else if (record->content > 0)
    take_params(frames, record->body, record->content, limits);
  else
    end_params(frames, record);
}

static void step_in_body(struct frames *frames, const struct record *record, const struct frames_limits *limits) {
  if (record->type == TYPE_PARAMS && record->content == 0) {
    frames->is_packed = false;
  } else if (record->type != TYPE_STDIN) {
    refuse(frames, FRAMES_BAD_ORDER);
  } else if (record->content == 0) {
    frames->verdict = FRAMES_REQUEST;
    frames->size_bytes = frames->offset_bytes;
    if (record->padding) frames->is_packed = false;
  } else {
    frames->body_bytes += record->content;
    if (frames->body_bytes > limits->body_max_bytes) answer_bare_status(frames, FRAMES_BODY_TOO_LONG, "413 Too Large");
  }
}

/* One whole record, already counted in offset_bytes. */
static void step(struct frames *frames, const struct record *record, const struct frames_limits *limits) {
  if (frames->phase == FRAMES_AT_BEGIN) {
    if (record->type == TYPE_BEGIN)
      begin(frames, record);
    else
      answer_foreign(frames, record);
  } else if (is_foreign(frames, record)) {
    answer_foreign(frames, record);
  } else if (record->type == TYPE_ABORT) {
    answer_aborted(frames, frames->offset_bytes);
  } else if (frames->phase == FRAMES_IN_PARAMS) {
    step_in_params(frames, record, limits);
  } else {
    step_in_body(frames, record, limits);
  }
}

/* What a header alone already shows to be wrong. */
static void check_header(struct frames *frames, const struct record *record, const struct frames_limits *limits) {
  bool begins = record->type == TYPE_BEGIN;
  bool is_own = frames->phase != FRAMES_AT_BEGIN && record->id == frames->request_id;
  if (begins && (record->id == 0 || record->content != 8 || is_own)) {
    refuse(frames, FRAMES_BAD_BEGIN);
  } else if (record_size(record) > limits->request_max_bytes - frames->offset_bytes) {
    if (frames->phase == FRAMES_IN_BODY && is_own)
      answer_bare_status(frames, FRAMES_BODY_TOO_LONG, "413 Too Large");
    else
      refuse(frames, FRAMES_TOO_LONG);
  }
}

/* A record answered before any request is open can leave the buffer at once; inside a request frames_pack() takes it out. */
static void drop_front(struct frames *frames) {
  if (frames->verdict != FRAMES_ANSWER || frames->phase != FRAMES_AT_BEGIN || frames->size_bytes > 0) return;
  frames->size_bytes = frames->offset_bytes;
  frames->offset_bytes = 0;
  frames->is_packed = true;
}

void frames_start(struct frames *frames) {
  *frames = (struct frames){.is_packed = true};
}

void frames_look(struct frames *frames, const uint8_t *bytes, size_t n, const struct frames_limits *limits) {
  frames->verdict = FRAMES_MORE;
  frames->why = FRAMES_FINE;
  frames->answer_bytes = 0;
  frames->size_bytes = 0;
  while (frames->verdict == FRAMES_MORE && frames->offset_bytes < n) {
    const uint8_t *at = bytes + frames->offset_bytes;
    size_t left = n - frames->offset_bytes;
    if (at[0] != 1) {
      refuse(frames, FRAMES_BAD_VERSION);
      break;
    }
    if (left < HEADER_BYTES) break;
    struct record record = read_header(at);
    check_header(frames, &record, limits);
    if (frames->verdict != FRAMES_MORE || left < record_size(&record)) break;
    frames->offset_bytes += record_size(&record);
    step(frames, &record, limits);
  }
  drop_front(frames);
}

void frames_look_busy(struct frames *ret, const uint8_t *bytes, size_t n, uint16_t request_id) {
  frames_start(ret);
  if (n > 0 && bytes[0] != 1) refuse(ret, FRAMES_BAD_VERSION);
  if (ret->verdict != FRAMES_MORE || n < HEADER_BYTES) return;
  struct record record = read_header(bytes);
  bool is_own = record.id == request_id;
  if (record.type == TYPE_BEGIN && record.content != 8) refuse(ret, FRAMES_BAD_BEGIN);
  if (ret->verdict != FRAMES_MORE || n < record_size(&record) || (is_own && record.type == TYPE_BEGIN)) return;
  ret->request_id = request_id;
  ret->size_bytes = record_size(&record);
  ret->verdict = FRAMES_ANSWER;
  if (is_own && record.type == TYPE_ABORT) {
    ret->why = FRAMES_ABORTED;
    add_end_request(ret, request_id, STATUS_COMPLETE);
  } else {
    answer_foreign(ret, &record);
  }
}

void frames_end(struct frames *frames) {
  frames->answer_bytes = 0;
  if (frames->phase == FRAMES_IN_BODY)
    answer_bare_status(frames, FRAMES_CUT_SHORT, "400 Bad Request");
  else
    refuse(frames, FRAMES_CUT_SHORT);
}

size_t frames_pack(const struct frames *frames, uint8_t *bytes) {
  size_t from = 0, to = 0;
  bool params_ended = false;
  while (from < frames->size_bytes) {
    struct record record = read_header(bytes + from);
    size_t size = record_size(&record);
    bool is_own = record.id == frames->request_id && !is_unknown_type(record.type);
    bool is_again = params_ended && record.type == TYPE_PARAMS;
    if (is_own && !is_again) {
      memmove(bytes + to, bytes + from, HEADER_BYTES + record.content);
      bytes[to + 6] = 0;
      to += HEADER_BYTES + record.content;
      if (record.type == TYPE_PARAMS && record.content == 0) params_ended = true;
    }
    from += size;
  }
  return to;
}

const char *frames_why_word(enum frames_why why) {
  return frames_why_words[why];
}

const char *const frames_why_words[FRAMES_WHY_COUNT] = {
    [FRAMES_FINE] = "fine",           [FRAMES_BAD_VERSION] = "version",   [FRAMES_BAD_BEGIN] = "begin",
    [FRAMES_BAD_ROLE] = "role",       [FRAMES_BAD_ORDER] = "order",       [FRAMES_BAD_PARAMS] = "params",
    [FRAMES_TOO_LONG] = "size",       [FRAMES_TOO_MANY] = "count",        [FRAMES_BODY_TOO_LONG] = "body",
    [FRAMES_CUT_SHORT] = "cut_short", [FRAMES_MANAGEMENT] = "management", [FRAMES_MULTIPLEXED] = "multiplexed",
    [FRAMES_STRAY] = "stray",         [FRAMES_ABORTED] = "aborted",
};
