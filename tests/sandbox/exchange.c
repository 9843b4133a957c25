/* SPDX-License-Identifier: Apache-2.0
 * exchange: small helpers over one request and its reply; the thread that serves it. */
#include "exchange.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

int64_t sandbox_now_s(struct sandbox *sandbox) {
  return clock_wall_s() + atomic_load_explicit(&sandbox->clock_offset_s, memory_order_relaxed);
}

const char *exchange_param(const struct exchange *exchange, const char *name) {
  return MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, name);
}

struct str exchange_param_str(const struct exchange *exchange, const char *name) {
  const char *value = exchange_param(exchange, name);
  return value ? str_of(value) : STR_NONE;
}

const char *exchange_cookie(const struct exchange *exchange, const char *name) {
  return MHD_lookup_connection_value(exchange->connection, MHD_COOKIE_KIND, name);
}

const char *exchange_header(const struct exchange *exchange, const char *name) {
  return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

void reply_set(struct exchange *exchange, unsigned status, const char *content_type) {
  exchange->reply.status = status;
  if (content_type) reply_header(exchange, "Content-Type", str_of(content_type));
}

void reply_header(struct exchange *exchange, const char *name, struct str value) {
  struct reply *reply = &exchange->reply;
  size_t at = 0;
  while (at < reply->headers_count && strcmp(reply->headers[at].name, name) != 0) at++;
  char *copy = str_dup(value);
  if (at == HEADERS_MAX || !copy) {
    free(copy);
    return;
  }
  for (char *c = copy; *c; c++)
    if ((unsigned char)*c < 0x20) *c = ' ';
  if (at == reply->headers_count) reply->headers[reply->headers_count++] = (struct header){.name = name};
  free(reply->headers[at].value);
  reply->headers[at].value = copy;
}

void reply_error(struct exchange *exchange, unsigned status, const char *sentence) {
  reply_set(exchange, status, "application/json");
  buf_clear(&exchange->reply.body);
  buf_add_text(&exchange->reply.body, "{\"error\":");
  json_add_string(&exchange->reply.body, str_of(sentence));
  buf_add_text(&exchange->reply.body, "}\n");
}
