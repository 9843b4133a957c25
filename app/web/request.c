/* SPDX-License-Identifier: Apache-2.0
 * request: one pass over the parameters fills the struct; whatever decides something must be there once. Any thread. */
#include "web/request.h"

#include <stddef.h>

/* How a parameter that stands there twice is met. nginx passes each header line of the client as one parameter. */
enum repeated { REFUSE, FIRST, SECOND_COOKIE };

struct param_row {
  struct str name;
  size_t field; /* offset of its struct str */
  enum repeated repeated;
  bool is_needed;
};

/* Beside the struct: what is only checked. */
struct raw {
  struct request request;
  struct str script_name, path_info, method, content_length, purpose_old;
};

#define ROW(param, member, how, needed)                                                                                          \
  { {param, sizeof(param) - 1}, offsetof(struct raw, member), how, needed }
static const struct param_row rows[] = {
    ROW("REQUEST_METHOD", method, REFUSE, true),
    ROW("REQUEST_URI", request.original_uri, REFUSE, true),
    ROW("QUERY_STRING", request.query, REFUSE, true),
    ROW("SCRIPT_NAME", script_name, REFUSE, false),
    ROW("PATH_INFO", path_info, REFUSE, false),
    ROW("CONTENT_LENGTH", content_length, REFUSE, false),
    ROW("CONTENT_TYPE", request.content_type, REFUSE, false),
    ROW("HTTP_COOKIE", request.cookie, SECOND_COOKIE, false),
    ROW("HTTP_ORIGIN", request.origin, REFUSE, false),
    ROW("HTTP_REFERER", request.referer, REFUSE, false),
    ROW("HTTP_HOST", request.host, REFUSE, false),
    ROW("REMOTE_ADDR", request.remote_addr, REFUSE, false),
    ROW("WEIGATE_STATUS", request.status_gate, REFUSE, false),
    ROW("WEIGATE_REQUIRE", request.require, REFUSE, false),
    ROW("HTTP_SEC_FETCH_SITE", request.fetch_site, REFUSE, false),
    ROW("HTTP_SEC_FETCH_MODE", request.fetch_mode, FIRST, false),
    ROW("HTTP_SEC_PURPOSE", request.purpose, FIRST, false),
    ROW("HTTP_PURPOSE", purpose_old, FIRST, false),
    ROW("HTTP_X_REQUESTED_WITH", request.requested_with, FIRST, false),
    ROW("HTTP_ACCEPT", request.accept, FIRST, false),
    ROW("HTTP_ACCEPT_LANGUAGE", request.accept_language, FIRST, false),
    ROW("HTTP_USER_AGENT", request.user_agent, FIRST, false),
};
#define ROWS_COUNT (sizeof rows / sizeof rows[0])

static struct str *find_field(struct raw *raw, const struct param_row *row) {
  return (struct str *)(void *)((char *)raw + row->field);
}

static const struct param_row *find_row(struct str name) {
  for (size_t i = 0; i < ROWS_COUNT; i++)
    if (str_eq(rows[i].name, name)) return &rows[i];
  return NULL;
}

/* Puts one parameter where it belongs; false if it may not be there again. */
static bool put_param(struct raw *raw, struct fcgi_param param) {
  const struct param_row *row = find_row(param.name);
  if (!row) return true;
  struct str *field = find_field(raw, row);
  if (!field->p)
    *field = param.value;
  else if (row->repeated == SECOND_COOKIE && !raw->request.cookie_second.p)
    raw->request.cookie_second = param.value;
  else
    return row->repeated == FIRST;
  return true;
}

static bool has_all_needed(struct raw *raw) {
  for (size_t i = 0; i < ROWS_COUNT; i++)
    if (rows[i].is_needed && !find_field(raw, &rows[i])->p) return false;
  return true;
}

static enum web_method read_method(struct str method) {
  if (str_eq(method, STR("GET"))) return WEB_GET;
  if (str_eq(method, STR("HEAD"))) return WEB_HEAD;
  if (str_eq(method, STR("POST"))) return WEB_POST;
  if (str_eq(method, STR("DELETE"))) return WEB_DELETE;
  return WEB_OTHER;
}

/* SCRIPT_NAME and PATH_INFO, joined where a server splits the path between them. */
static int join_path(const struct raw *raw, struct request *request) {
  struct str script = raw->script_name, info = raw->path_info;
  request->path = script.n ? script : info;
  if (script.n == 0 || info.n == 0) return request->path.n ? 0 : -1;
  if (script.n + info.n > sizeof request->path_joined) return -1;
  memcpy(request->path_joined, script.p, script.n);
  memcpy(request->path_joined + script.n, info.p, info.n);
  request->path = str_make(request->path_joined, script.n + info.n);
  return 0;
}

/* Judges the text alone first, so that an absurd length is answered as what it is. */
static int check_length(struct str text, size_t body_bytes, const char **ret_why) {
  uint64_t length = 0;
  if (text.n > 0 && text_parse_u64(text, UINT64_MAX, &length) != 0) {
    *ret_why = "CONTENT_LENGTH is not a plain decimal number";
    return 400;
  }
  if (length > FCGI_REQUEST_MAX_BYTES) {
    *ret_why = "the body is too large";
    return 413;
  }
  if (length != body_bytes) {
    *ret_why = "the body is not as long as CONTENT_LENGTH says";
    return 400;
  }
  return 0;
}

static int fail(const char *why, const char **ret_why) {
  *ret_why = why;
  return 400;
}

int request_read(struct fcgi_exchange *exchange, struct request *ret_request, const char **ret_why) {
  struct raw raw = {0};
  bool is_repeated = false;
  for (size_t i = 0; i < fcgi_params_count(exchange); i++)
    if (!put_param(&raw, fcgi_param_at(exchange, i))) is_repeated = true;
  *ret_request = raw.request;
  ret_request->exchange = exchange;
  ret_request->method = read_method(raw.method);
  ret_request->body = fcgi_body(exchange);
  if (!ret_request->purpose.p) ret_request->purpose = raw.purpose_old;
  int path_status = join_path(&raw, ret_request);
  if (fcgi_is_odd(exchange)) return fail("a parameter holds a NUL byte or has no proper name", ret_why);
  if (is_repeated) return fail("a parameter that decides something is there twice", ret_why);
  if (path_status != 0) return fail("SCRIPT_NAME and PATH_INFO are missing or too long", ret_why);
  if (!has_all_needed(&raw)) return fail("REQUEST_METHOD, REQUEST_URI or QUERY_STRING is missing", ret_why);
  return check_length(raw.content_length, ret_request->body.n, ret_why);
}

/* Takes one member off; a value with a bare '?' takes the rest with it. */
static bool next_member(struct str *rest, struct str *ret_name, struct str *ret_value) {
  struct str whole = *rest, member;
  if (!str_split(rest, '&', &member)) return false;
  const char *sign = member.n ? memchr(member.p, '=', member.n) : NULL;
  size_t name_n = sign ? (size_t)(sign - member.p) : member.n;
  *ret_name = str_make(member.p, name_n);
  *ret_value = str_from(member, name_n + 1);
  if (!str_has(*ret_value, '?')) return true;
  *ret_value = str_from(whole, name_n + 1);
  *rest = STR_NONE;
  return true;
}

enum web_value query_value(struct str query, const char *name, struct buf *out) {
  struct str rest = query, member, value, found = STR_NONE, wanted = str_of(name);
  size_t before = out->len;
  int count = 0;
  while (next_member(&rest, &member, &value)) {
    if (!str_eq(member, wanted)) continue;
    found = value;
    count++;
  }
  if (count != 1) return count ? WEB_VALUE_MANY : WEB_VALUE_NONE;
  int status = text_percent_decode(out, found, true);
  if (status == 0 && !out->failed && !str_has(str_make(out->data + before, out->len - before), '\0')) return WEB_VALUE_ONE;
  out->len = before;
  return WEB_VALUE_BAD;
}
