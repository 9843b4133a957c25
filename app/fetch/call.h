/* SPDX-License-Identifier: Apache-2.0
 * call: what the files of fetch/ share: one call on its way, the lane to its host, and the client they belong to. Inside fetch/
 * only; the loop's thread. */
#ifndef WEIGATE_FETCH_CALL_H
#define WEIGATE_FETCH_CALL_H

#include <curl/curl.h>

#include "base/coro.h"
#include "base/loop.h"
#include "fetch/fetch.h"

/* Where a call is, and so who holds it. */
enum call_state {
  CALL_NEW,     /* nobody */
  CALL_WAITING, /* its lane's `waiting`: more calls are on their way than the host should have at once */
  CALL_ACTIVE,  /* its lane's `active`; it has an easy handle in the lane's multi */
  CALL_ENDED    /* the client's `ended`, until its coroutine goes on */
};

/* One fetch_wait(); lives on the stack of its coroutine. */
struct fetch_call {
  struct fetch_call *previous, *next;
  enum call_state state;
  struct fetch *fetch;
  struct lane *lane;
  struct coro *coro;
  char *url;
  bool allow_private;
  CURL *easy;
  struct loop_timer deadline;
  uint64_t timeout_ms;
  uint64_t started_ms; /* when it became active */
  size_t header_bytes; /* of everything that came, 1xx answers included */
  unsigned sent_count; /* times the request was about to be written; curl repeats it when a reused connection turns out dead */
  bool is_encoded;     /* Content-Encoding although none was accepted */
  bool was_refused_address; /* a peer of a private network was not connected to */
  char curl_error[CURL_ERROR_SIZE];
  struct fetch_reply *reply;
};

/* In order of arrival. */
struct call_list {
  struct fetch_call *first, *last;
  size_t count;
};
void call_list_push(struct call_list *list, struct fetch_call *call);
void call_list_remove(struct call_list *list, struct fetch_call *call);

/* Sets the reply's problem, cut to its room. */
void call_explain(struct fetch_call *call, const char *problem);
/* Its reply is filled and it left its lane: its coroutine goes on with the next calls_resume(). */
void call_end(struct fetch_call *call);
/* Resumes the coroutines of all ended calls. Outside of coroutines and of curl's callbacks. */
void calls_resume(struct fetch *fetch);

/* One host. It has a multi of its own because the bound on connections differs: one per call in HTTP/1.1, one per 100 calls in
 * HTTP/2. */
struct lane {
  struct lane *next;
  struct fetch *fetch;
  char *origin;
  struct str host; /* slice of origin */
  bool is_tls;
  CURLM *multi;
  struct loop_timer timer;
  struct loop_timer widening; /* set while calls wait for the window */
  struct call_list waiting, active;
  size_t window;        /* most calls active at once; see lane.c */
  size_t sockets_count; /* open now */
  long connections_max; /* what curl was told last */
  bool is_multiplexed;  /* the last answer came over HTTP/2 */
  uint64_t answered_ms; /* when the last answer came */
};

/* See sockets.h. */
struct sockets {
  struct loop *loop;
  void (*ready)(struct lane *lane, curl_socket_t fd, int curl_events);
  struct socket_entry **table; /* by descriptor */
  size_t count;
};

struct fetch {
  struct loop *loop;
  struct fetch_settings settings;
  char *ca_file;
  size_t connections_max; /* per lane */
  struct curl_slist *headers;
  CURL **idle; /* easy handles that no call uses, with their options set */
  size_t idle_count;
  struct lane *lanes;
  struct sockets sockets;
  struct call_list ended;
  size_t calls_count; /* fetch_wait() entered and not left */
};

#endif
