/* SPDX-License-Identifier: Apache-2.0
 * fuzz_frames: what arrives in pieces is judged like what arrives at once, and every request that is let through is one to
 * libfcgi too, with the same parameters and body. The first byte chooses the size of the pieces. */
#include <string.h>

#include "fcgi/exchange.h"
#include "fcgi/frames.h"
#include "fcgi/reactor.h"
#include "fuzz.h"

#define WIRE_MAX_BYTES 8192

static const struct frames_limits limits = {WIRE_MAX_BYTES, 4096, 16, 4096};
static struct exchange_pipe carrier;
static struct fcgi_exchange *exchange;

static void start_once(void) {
  if (exchange) return;
  exchange = exchange_new(NULL, NULL);
  FUZZ_CHECK(exchange && exchange_init_library(NULL) == 0 && exchange_pipe_open(&carrier, WIRE_MAX_BYTES, NULL) == 0);
}

/* A copy of exactly n bytes: a sanitizer sees a read behind them. */
static void look_at(struct frames *frames, const uint8_t *data, size_t n) {
  uint8_t *copy = malloc(n ? n : 1);
  FUZZ_CHECK(copy);
  if (n) memcpy(copy, data, n);
  frames_look(frames, copy, n, &limits);
  FUZZ_CHECK(frames->size_bytes <= n && frames->answer_bytes <= sizeof frames->answer);
  free(copy);
}

static void check_parsed(const struct frames *frames, const uint8_t *data) {
  uint8_t *copy = malloc(frames->size_bytes);
  FUZZ_CHECK(copy);
  memcpy(copy, data, frames->size_bytes);
  size_t packed = frames_pack(frames, copy);
  FUZZ_CHECK(packed <= frames->size_bytes);
  FUZZ_CHECK(exchange_take(exchange, &carrier, copy, packed, -1) == 0);
  FUZZ_CHECK(fcgi_params_count(exchange) == frames->params_count);
  FUZZ_CHECK(fcgi_body(exchange).n == frames->body_bytes);
  size_t bytes = 0;
  for (size_t i = 0; i < fcgi_params_count(exchange); i++)
    bytes += fcgi_param_at(exchange, i).name.n + fcgi_param_at(exchange, i).value.n;
  FUZZ_CHECK(bytes <= frames->params_bytes);
  exchange_drop(exchange);
  free(copy);
}

static void check_busy(const uint8_t *data, size_t n) {
  struct frames busy;
  frames_look_busy(&busy, data, n, 1);
  FUZZ_CHECK(busy.size_bytes <= n && busy.answer_bytes <= sizeof busy.answer);
  FUZZ_CHECK(busy.verdict != FRAMES_REQUEST && (busy.verdict != FRAMES_ANSWER || busy.size_bytes >= 8));
}

/* One verdict, reached in pieces and at once. Returns how many bytes leave the front, or SIZE_MAX at the end of the connection.
 */
static size_t step(struct frames *pieces, struct frames *whole, const uint8_t *data, size_t size, size_t piece) {
  size_t seen = pieces->offset_bytes;
  look_at(whole, data, size);
  do {
    seen += piece < size - seen ? piece : size - seen;
    look_at(pieces, data, seen);
  } while (pieces->verdict == FRAMES_MORE && seen < size);
  FUZZ_CHECK(pieces->verdict == whole->verdict && pieces->why == whole->why && pieces->size_bytes == whole->size_bytes);
  FUZZ_CHECK(pieces->answer_bytes == whole->answer_bytes);
  FUZZ_CHECK(memcmp(pieces->answer, whole->answer, whole->answer_bytes) == 0);
  size_t used = whole->size_bytes;
  if (whole->verdict == FRAMES_REQUEST) {
    check_parsed(whole, data);
    frames_start(pieces);
    frames_start(whole);
    return used;
  }
  if (whole->verdict == FRAMES_ANSWER && !whole->then_close) return used;
  if (whole->verdict == FRAMES_MORE) frames_end(whole);
  FUZZ_CHECK(whole->answer_bytes <= sizeof whole->answer);
  return SIZE_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct frames pieces, whole;
  if (size == 0) return 0;
  size_t piece = data[0] ? data[0] : 256, used;
  start_once();
  check_busy(data + 1, size - 1);
  frames_start(&pieces);
  frames_start(&whole);
  for (data++, size--; size > 0; data += used, size -= used) {
    used = step(&pieces, &whole, data, size, piece);
    if (used == SIZE_MAX) break;
  }
  return 0;
}
