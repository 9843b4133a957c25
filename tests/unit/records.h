/* SPDX-License-Identifier: Apache-2.0
 * records: FastCGI as a web server writes it, and answers as it reads them; shared by the tests of fcgi/ and web/. */
#ifndef WEIGATE_TESTS_RECORDS_H
#define WEIGATE_TESTS_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"
#include "fcgi/exchange.h"

enum {
  BEGIN = 1,
  ABORT = 2,
  END = 3,
  PARAMS = 4,
  STDIN = 5,
  STDOUT = 6,
  STDERR = 7,
  DATA = 8,
  GET_VALUES = 9,
  VALUES = 10,
  UNKNOWN = 11
};
enum { RESPONDER = 1, AUTHORIZER = 2, FILTER = 3, CLOSE = 0, KEEP = 1 };

/* One record; padding bytes are 0xff so that nobody mistakes them for anything. */
void record_add(struct buf *out, uint8_t type, uint16_t id, struct str content, uint8_t padding);
void record_begin(struct buf *out, uint16_t id, uint16_t role, uint8_t flags);
/* A name-value pair as it stands in a PARAMS stream. */
void pair_add(struct buf *out, struct str name, struct str value);
/* BEGIN, one PARAMS record with pairs, STDIN with body, both streams ended. */
void request_add(struct buf *out, uint16_t id, uint8_t flags, struct str pairs, struct str body);
/* REQUEST_METHOD GET, REQUEST_URI, QUERY_STRING "" and SCRIPT_NAME of that path. */
void pairs_add_get(struct buf *out, const char *path);

/* Reads what a server got: the STDOUT of that id; *ret_ended its END_REQUEST's protocol status, or -1 if there is none. */
void answer_read(struct str bytes, uint16_t id, struct buf *ret_stdout, int *ret_ended);
/* How many records of that type there are; id -1: any. */
size_t records_count(struct str bytes, uint8_t type, int id);

/* A request taken by libfcgi as the reactor would hand it over; ended with exchange_drop() and exchange_free(). */
struct fcgi_exchange *exchange_of(struct str pairs, struct str body);

#endif
