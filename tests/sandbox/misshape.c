/* SPDX-License-Identifier: Apache-2.0
 * misshape: turns a good reply into the one that a fault asks for; server threads. */
#include "misshape.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Zeros are fed to the compressor in pieces of this size. */
#define PIECE_BYTES 65536
/* 15 bits of window, and 16 more ask zlib for gzip instead of zlib framing. */
#define GZIP_WINDOW (15 + 16)

static struct str take_bytes(const struct fault_bytes *bytes) {
  return str_make(bytes->p, bytes->n);
}

static void drop_header(struct reply *reply, const char *name) {
  for (size_t i = 0; i < reply->headers_count; i++) {
    if (strcmp(reply->headers[i].name, name) != 0) continue;
    free(reply->headers[i].value);
    reply->headers[i] = reply->headers[--reply->headers_count];
    return;
  }
}

static void replace_headers(struct exchange *exchange, const struct fault *fault) {
  if (fault->content_type.given && fault->content_type.p)
    reply_header(exchange, "Content-Type", take_bytes(&fault->content_type));
  if (fault->content_type.given && !fault->content_type.p) drop_header(&exchange->reply, "Content-Type");
  if (fault->retry_after.given) reply_header(exchange, "Retry-After", take_bytes(&fault->retry_after));
  if (fault->redirect.given) reply_header(exchange, "Location", take_bytes(&fault->redirect));
  for (size_t i = 0; i < fault->headers.count; i++)
    reply_header(exchange, fault->headers.row[i].name, take_bytes(&fault->headers.row[i].value));
}

static void replace_body(struct exchange *exchange, const struct fault *fault) {
  struct buf *body = &exchange->reply.body;
  bool replaced = fault->body.given || fault->redirect.given || fault->status >= 300;
  if (replaced) buf_clear(body);
  if (fault->body.given) buf_add(body, fault->body.p, fault->body.n);
  if (fault->pad_bytes <= body->len) return;
  size_t missing = fault->pad_bytes - body->len;
  char *to = buf_reserve(body, missing);
  if (!to) return;
  memset(to, ' ', missing);
  buf_grew(body, missing);
}

/* Feeds one piece and appends what comes out. */
static void compress_piece(z_stream *stream, const void *bytes, size_t n, int flush, struct buf *out) {
  unsigned char piece[PIECE_BYTES];
  stream->next_in = (Bytef *)(uintptr_t)bytes;
  stream->avail_in = (uInt)n;
  do {
    stream->next_out = piece;
    stream->avail_out = sizeof piece;
    deflate(stream, flush);
    buf_add(out, piece, sizeof piece - stream->avail_out);
  } while (stream->avail_out == 0);
}

/* Replaces the body by its compressed form; with bomb_bytes by that many compressed zeros. */
static void compress_body(struct buf *body, uint64_t bomb_bytes) {
  static const char zeros[PIECE_BYTES];
  z_stream stream = {.zalloc = Z_NULL};
  struct buf out;
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) return;
  buf_init(&out, body->max);
  for (uint64_t left = bomb_bytes; left > 0; left -= left < PIECE_BYTES ? left : PIECE_BYTES)
    compress_piece(&stream, zeros, left < PIECE_BYTES ? left : PIECE_BYTES, Z_NO_FLUSH, &out);
  compress_piece(&stream, bomb_bytes ? NULL : body->data, bomb_bytes ? 0 : body->len, Z_FINISH, &out);
  deflateEnd(&stream);
  buf_done(body);
  *body = out; /* transferred */
}

void misshape_reply(struct exchange *exchange) {
  const struct fault *fault = exchange->fault;
  if (!fault) return;
  if (fault->redirect.given) exchange->reply.status = 302;
  if (fault->status >= 200) exchange->reply.status = (unsigned)fault->status;
  replace_headers(exchange, fault);
  replace_body(exchange, fault);
  if (fault->gzip || fault->gzip_bomb_bytes) {
    compress_body(&exchange->reply.body, fault->gzip_bomb_bytes);
    reply_header(exchange, "Content-Encoding", STR("gzip"));
  }
  if (fault->close || fault->reset || fault->raw.given || fault->raw_repeat.given) exchange->reply.status = 0;
}
