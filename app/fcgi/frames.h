/* SPDX-License-Identifier: Apache-2.0
 * frames: looks at bytes that have arrived on a FastCGI connection and says whether one whole, well-formed request is there.
 * Pure: no descriptor, no memory; what it accepts is all that libfcgi ever gets to read. (FastCGI Specification 1.0, section 3 to
 * 5 and 8.) */
#ifndef WEIGATE_FCGI_FRAMES_H
#define WEIGATE_FCGI_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frames_limits {
  size_t request_max_bytes; /* on the wire: records of one request and what stands between them, headers and padding included */
  size_t params_max_bytes;  /* content of the PARAMS stream */
  size_t params_max_count;
  size_t body_max_bytes; /* content of the STDIN stream */
};

enum frames_verdict {
  FRAMES_MORE,    /* nothing wrong so far: wait for more bytes */
  FRAMES_REQUEST, /* the first size_bytes are one whole request for a RESPONDER */
  FRAMES_ANSWER,  /* drop the first size_bytes (0 inside a request), send the answer if there is one, look again */
  FRAMES_REFUSE   /* close the connection; why says what was wrong */
};

/* What was wrong, or why there was something to answer; frames_why_word() is its name in the metrics. */
enum frames_why {
  FRAMES_FINE,
  FRAMES_BAD_VERSION, /* not protocol version 1 */
  FRAMES_BAD_BEGIN,   /* BEGIN_REQUEST with id 0, a body that is not 8 bytes, or the id of the open request */
  FRAMES_BAD_ROLE,    /* another role than RESPONDER */
  FRAMES_BAD_ORDER,   /* a record where its stream cannot be */
  FRAMES_BAD_PARAMS,  /* a length beyond the limit, or a stream that ends inside a pair */
  FRAMES_TOO_LONG,    /* request or parameters above their limit */
  FRAMES_TOO_MANY,    /* parameters above their count */
  FRAMES_BODY_TOO_LONG,
  FRAMES_CUT_SHORT,   /* the peer closed its side inside the body */
  FRAMES_MANAGEMENT,  /* a management record */
  FRAMES_MULTIPLEXED, /* BEGIN_REQUEST while another request is open */
  FRAMES_STRAY,       /* a record of a request that is not open */
  FRAMES_ABORTED,
  FRAMES_WHY_COUNT
};

enum frames_phase { FRAMES_AT_BEGIN, FRAMES_IN_PARAMS, FRAMES_IN_BODY };

struct frames {
  enum frames_verdict verdict;
  enum frames_why why;
  enum frames_phase phase;
  size_t size_bytes;
  uint16_t request_id;
  bool keep_connection; /* FCGI_KEEP_CONN of the BEGIN_REQUEST */
  bool then_close;      /* ANSWER: close the connection behind it */
  bool is_packed;       /* REQUEST: nothing for frames_pack() to do */
  bool is_odd;          /* a parameter has an empty name, a NUL byte, or '=' in its name: libfcgi would cut or blur it */
  size_t params_count;
  uint8_t answer[64]; /* UNKNOWN_TYPE, GET_VALUES_RESULT, END_REQUEST, or a bare 400 or 413 with its END_REQUEST */
  size_t answer_bytes;

  /* Where the scan stands; nobody else's. */
  size_t offset_bytes;
  size_t params_bytes;
  size_t body_bytes;
  uint8_t lengths[8]; /* name and value length of the pair being read, as far as they are there */
  size_t lengths_have;
  size_t name_left, value_left;
};

/* Ready for the first byte of a request. Any thread. */
void frames_start(struct frames *frames);

/* Judges the bytes. Goes on where the last look stopped: until REQUEST, or an ANSWER with size_bytes > 0, the bytes seen before
 * must stand at the same place. Duplicate or missing names and CONTENT_LENGTH are not framing: web/ answers those. Any thread. */
void frames_look(struct frames *frames, const uint8_t *bytes, size_t n, const struct frames_limits *limits);

/* While request_id is being answered: judges the first record that has arrived meanwhile. ANSWER with why ABORTED: it is to be
 * given up. MORE also when a next request with the same id begins: that one waits. Any thread. */
void frames_look_busy(struct frames *ret, const uint8_t *bytes, size_t n, uint16_t request_id);

/* The peer will send nothing more and the verdict was MORE: ANSWER with a bare 400 if its parameters are all there, else REFUSE.
 * Any thread. */
void frames_end(struct frames *frames);

/* Takes everything out of a whole request that libfcgi 2.4.2 misreads: padding (it loses count behind BEGIN_REQUEST and the end
 * of PARAMS) and records that are not its own (an empty one makes it skip the next). Works in place; returns the new size. Any
 * thread. */
size_t frames_pack(const struct frames *frames, uint8_t *bytes);

/* One word for metrics and logs: "version", "params", … */
const char *frames_why_word(enum frames_why why);
extern const char *const frames_why_words[FRAMES_WHY_COUNT];

#endif
