/* SPDX-License-Identifier: Apache-2.0
 * frames: looks at bytes that have arrived on a FastCGI connection and says whether one whole, well-formed request is there. Pure: no
 * descriptor, no memory; what it accepts is all that libfcgi ever gets to read. (FastCGI Specification 1.0, section 3 to 5 and 8.) */
#ifndef WEIGATE_FCGI_FRAMES_H
#define WEIGATE_FCGI_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frames_limits {
  size_t request_max_bytes; /* records of one request, headers and padding included */
  size_t params_max_count;
  size_t params_max_bytes;
};

enum frames_verdict {
  FRAMES_MORE,    /* nothing wrong so far: wait for more bytes */
  FRAMES_REQUEST, /* the first size_bytes are one whole request for a RESPONDER */
  FRAMES_ANSWER,  /* consume size_bytes, send answer, go on (management record, ABORT_REQUEST, BEGIN while one is open, other role) */
  FRAMES_REFUSE   /* close the connection; why says what was wrong */
};

struct frames {
  enum frames_verdict verdict;
  size_t size_bytes;
  bool keep_connection; /* FCGI_KEEP_CONN of the BEGIN_REQUEST */
  const char *why;      /* static text, for REFUSE and counted answers */
  uint8_t answer[64];   /* UNKNOWN_TYPE, GET_VALUES_RESULT or END_REQUEST; at most 64 bytes: FCGI_MPXS_CONNS is all that is told */
  size_t answer_bytes;
};

/* Judges the first n bytes. Duplicate names that decide something (REQUEST_METHOD, QUERY_STRING, …), NUL bytes, an empty name, a body
 * shorter or longer than CONTENT_LENGTH and a malformed CONTENT_LENGTH are not framing: the request is passed on and answered 400 by web/.
 * Any thread. */
void frames_look(const uint8_t *bytes, size_t n, const struct frames_limits *limits, struct frames *ret);

/* While a request is being answered: is what has arrived an ABORT_REQUEST for it (true), or anything else? */
bool frames_is_abort(const uint8_t *bytes, size_t n, uint16_t request_id);

#endif
