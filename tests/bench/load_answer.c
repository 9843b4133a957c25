/* SPDX-License-Identifier: Apache-2.0
 * load_answer: reads one HTTP/1.1 answer as far as a visitor needs it. No request is sent before the last one is answered, so the
 * end of a chunked body is the end of what came. */
#include "load_answer.h"

/* The bodies of all programs under test are pages. */
#define BODY_MAX_BYTES (1u << 20)

struct head {
  uint64_t body_bytes;
  bool is_chunked;
};

static void add_cookie(struct answer *answer, struct str line) {
  struct str pair, attribute;
  if (!str_split(&line, ';', &pair) || answer->cookies_count == ANSWER_COOKIES_MAX) return;
  while (str_split(&line, ';', &attribute))
    if (str_eq_nocase(str_trim(attribute), STR("max-age=0"))) return;
  answer->cookies[answer->cookies_count++] = str_trim(pair);
}

static void take_header(struct str name, struct str value, struct answer *answer, struct head *head) {
  if (str_eq_nocase(name, STR("location")))
    answer->location = value;
  else if (str_eq_nocase(name, STR("set-cookie")))
    add_cookie(answer, value);
  else if (str_eq_nocase(name, STR("content-length")))
    (void)text_parse_u64(value, BODY_MAX_BYTES, &head->body_bytes);
  else if (str_eq_nocase(name, STR("transfer-encoding")))
    head->is_chunked = true;
  else if (str_eq_nocase(name, STR("connection")))
    answer->is_last = str_eq_nocase(value, STR("close"));
}

static int read_status(struct str line) {
  uint64_t status;
  if (!str_starts(line, STR("HTTP/1.1 ")) || line.n < 12) return -1;
  return text_parse_u64(str_make(line.p + 9, 3), 599, &status) == 0 ? (int)status : -1;
}

static struct str cut_line(struct str *rest) {
  struct str line = STR_NONE;
  str_split(rest, '\n', &line);
  if (line.n > 0 && line.p[line.n - 1] == '\r') line.n--;
  return line;
}

enum answer_verdict answer_read(struct str bytes, struct answer *ret_answer) {
  struct head head = {.body_bytes = 0};
  const char *end = memmem(bytes.p, bytes.n, "\r\n\r\n", 4);
  if (!end) return ANSWER_MORE;
  struct str rest = str_make(bytes.p, (size_t)(end - bytes.p)), body = str_from(bytes, rest.n + 4);
  *ret_answer = (struct answer){.status = read_status(cut_line(&rest))};
  if (ret_answer->status < 0) return ANSWER_BROKEN;
  while (rest.n > 0) {
    struct str line = cut_line(&rest), name = STR_NONE;
    str_split(&line, ':', &name);
    take_header(name, str_trim(line), ret_answer, &head);
  }
  bool has_body = ret_answer->status != 204 && ret_answer->status != 304;
  if (!has_body) return ANSWER_WHOLE;
  if (head.is_chunked) return str_ends(body, STR("0\r\n\r\n")) ? ANSWER_WHOLE : ANSWER_MORE;
  return body.n >= head.body_bytes ? ANSWER_WHOLE : ANSWER_MORE;
}
