/* SPDX-License-Identifier: Apache-2.0
 * response: header lines that no data can split, within what nginx takes, and the one way out. Any thread. */
#include "web/response.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "base/log.h"

/* Sent where a response of ours broke its own rules. */
#define BROKEN_HEAD                                                                                                              \
  "Status: 500 Internal Server Error\r\nCache-Control: no-store\r\nContent-Type: application/problem+json\r\nContent-Length: "   \
  "%zu\r\n\r\n"
#define BROKEN_BODY "{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500,\"error\":\"internal\"}"

struct reason {
  int status;
  const char *text;
};

static const struct reason reasons[] = {
    {200, "200 OK"},
    {204, "204 No Content"},
    {302, "302 Found"},
    {303, "303 See Other"},
    {400, "400 Bad Request"},
    {401, "401 Unauthorized"},
    {403, "403 Forbidden"},
    {404, "404 Not Found"},
    {405, "405 Method Not Allowed"},
    {409, "409 Conflict"},
    {413, "413 Content Too Large"},
    {415, "415 Unsupported Media Type"},
    {429, "429 Too Many Requests"},
    {500, "500 Internal Server Error"},
    {502, "502 Bad Gateway"},
    {503, "503 Service Unavailable"},
    {504, "504 Gateway Timeout"},
};

static void add_status(struct buf *head, int status) {
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
    if (reasons[i].status != status) continue;
    buf_add_text(head, "Status: ");
    buf_add_text(head, reasons[i].text);
    buf_add_text(head, "\r\n");
    return;
  }
  buf_addf(head, "Status: %d Unknown\r\n", status);
}

static bool is_safe(struct str value) {
  for (size_t i = 0; i < value.n; i++)
    if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f) return false;
  return true;
}

static bool has_body(const struct response *response) {
  return response->status != 204 && response->status != 304;
}

void response_init(struct response *response) {
  *response = (struct response){.status = 500};
  buf_init(&response->head, RESPONSE_HEAD_MAX_BYTES);
  buf_init(&response->body, FCGI_REPLY_MAX_BYTES - RESPONSE_HEAD_MAX_BYTES);
}

void response_done(struct response *response) {
  buf_done(&response->head);
  buf_done(&response->body);
}

void response_status(struct response *response, int status) {
  buf_clear(&response->head);
  buf_clear(&response->body);
  response->refused = false;
  response->status = status;
  add_status(&response->head, status);
}

void response_header(struct response *response, const char *name, struct str value) {
  if (!is_safe(value)) {
    response->refused = true;
    return;
  }
  buf_add_text(&response->head, name);
  buf_add_text(&response->head, ": ");
  buf_add_str(&response->head, value);
  buf_add_text(&response->head, "\r\n");
}

void response_headerf(struct response *response, const char *name, const char *format, ...) {
  char value[RESPONSE_HEAD_MAX_BYTES];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(value, sizeof value, format, args);
  va_end(args);
  if (n < 0 || (size_t)n >= sizeof value)
    response->refused = true;
  else
    response_header(response, name, str_make(value, (size_t)n));
}

void response_private(struct response *response) {
  buf_add_text(&response->head, "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n");
}

void response_redirect(struct response *response, int status, struct str location) {
  response_status(response, status);
  response_private(response);
  response_header(response, "Location", location);
}

void response_type(struct response *response, const char *content_type) {
  response_header(response, "Content-Type", str_of(content_type));
}

static void add_member(struct buf *body, const char *name, struct str value) {
  buf_addf(body, ",\"%s\":", name);
  json_add_string(body, value);
}

void response_problem(struct response *response, int status, const char *title, const char *error, int errcode, struct str rid) {
  response_status(response, status);
  response_private(response);
  response_type(response, "application/problem+json");
  buf_add_text(&response->body, "{\"type\":\"about:blank\"");
  add_member(&response->body, "title", str_of(title));
  buf_addf(&response->body, ",\"status\":%d", status);
  add_member(&response->body, "error", str_of(error));
  if (errcode != 0) buf_addf(&response->body, ",\"errcode\":%d", errcode);
  if (rid.n > 0) add_member(&response->body, "rid", rid);
  buf_add_text(&response->body, "}\n");
}

static void send_broken(struct fcgi_exchange *exchange, bool is_head) {
  char head[256];
  int n = snprintf(head, sizeof head, BROKEN_HEAD, sizeof BROKEN_BODY - 1);
  fcgi_reply(exchange, str_make(head, (size_t)n), is_head ? STR_NONE : STR(BROKEN_BODY));
}

void response_send(struct response *response, struct fcgi_exchange *exchange, bool is_head) {
  struct buf *head = &response->head;
  if (has_body(response)) buf_addf(head, "Content-Length: %zu\r\n", response->body.len);
  buf_add_text(head, "\r\n");
  if (response->refused || head->failed || response->body.failed) {
    log_error("web: an answer with status %d was replaced by 500: %s", response->status,
              response->refused ? "a header value was not fit to be sent" : "it grew beyond its limit");
    send_broken(exchange, is_head);
    return;
  }
  fcgi_reply(exchange, buf_str(head), is_head || !has_body(response) ? STR_NONE : buf_str(&response->body));
}
