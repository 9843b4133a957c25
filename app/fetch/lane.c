/* SPDX-License-Identifier: Apache-2.0
 * lane: a curl_multi per host inside the loop, with a window that keeps a cold burst from opening a connection per call; the
 * loop's thread.
 *
 * The window starts at 64 calls. Over HTTP/2 the first answer opens it wholly, as curl needs a connection for 100 calls only.
 * Over HTTP/1.1, where each call has a connection, every answer admits one call more, so that it doubles with each round trip as
 * long as calls are waiting, and never exceeds twice the connections that are open: handshakes (1.4 ms each) come in waves that
 * the answers of the wave before pay for. While calls wait and answers do not come, a slow upstream rather than a cold burst, it
 * widens with time. */
#include "fetch/lane.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "fetch/address.h"
#include "fetch/sockets.h"
#include "fetch/transfer.h"

/* One HTTP/2 connection carries them; 64 handshakes take 90 ms. */
#define WINDOW_FIRST 64
/* A window's worth of handshakes (90 ms) is over by then: 512 calls at an upstream that hangs are all sent within 0.7 s. */
#define WIDEN_EVERY_MS 100
/* What servers commonly allow (nginx: 128); beyond it curl opens another connection. */
#define STREAMS_MAX 100L
/* After so long without an answer all kept connections are gone (IDLE_CONNECTION_MAX_S of transfer.c). */
#define WINDOW_LIFETIME_MS 30000

static size_t smaller(size_t a, size_t b) {
  return a < b ? a : b;
}

/* --- the window
 * ------------------------------------------------------------------------------------------------------------------ */

/* One connection per call, or what the calls of now need at 100 a connection and one that is ending. */
static void bound_connections(struct lane *lane) {
  long connections = (long)lane->fetch->connections_max;
  if (lane->is_multiplexed) connections = (long)lane->active.count / STREAMS_MAX + 2;
  if (connections == lane->connections_max) return;
  lane->connections_max = connections;
  curl_multi_setopt(lane->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
}

static void note_answer(struct lane *lane, CURL *easy) {
  long version = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  lane->is_multiplexed = version >= CURL_HTTP_VERSION_2_0;
  bound_connections(lane);
  lane->answered_ms = clock_mono_ms();
  if (lane->is_multiplexed) {
    lane->window = lane->fetch->settings.signins_max;
    return;
  }
  size_t most = lane->sockets_count * 2 > WINDOW_FIRST ? lane->sockets_count * 2 : WINDOW_FIRST;
  lane->window = smaller(smaller(lane->window + 1, most), lane->fetch->connections_max);
}

/* --- calls
 * ----------------------------------------------------------------------------------------------------------------------- */

static void leave(struct fetch_call *call) {
  struct lane *lane = call->lane;
  if (call->easy) {
    curl_multi_remove_handle(lane->multi, call->easy);
    transfer_close(call);
  }
  call_list_remove(call->state == CALL_WAITING ? &lane->waiting : &lane->active, call);
  call_end(call);
}

static void drop_call(struct fetch_call *call, enum fetch_result result, const char *problem) {
  call->reply->result = result;
  call_explain(call, problem);
  leave(call);
}

static void start_call(struct fetch_call *call) {
  struct lane *lane = call->lane;
  call_list_remove(&lane->waiting, call);
  call_list_push(&lane->active, call);
  call->state = CALL_ACTIVE;
  call->started_ms = clock_mono_ms();
  bound_connections(lane);
  if (transfer_open(call) != 0 || curl_multi_add_handle(lane->multi, call->easy) != CURLM_OK)
    drop_call(call, FETCH_OVERLOADED, "out of memory");
}

static void start_waiting(struct lane *lane) {
  while (lane->waiting.first && lane->active.count < lane->window) start_call(lane->waiting.first);
  if (!lane->waiting.first)
    loop_timer_clear(lane->fetch->loop, &lane->widening);
  else if (lane->widening.slot == 0)
    (void)loop_timer_set(lane->fetch->loop, &lane->widening, clock_mono_ms() + WIDEN_EVERY_MS);
}

static void widen(struct loop_timer *timer) {
  struct lane *lane = timer->arg;
  lane->window = smaller(lane->window + WINDOW_FIRST, lane->fetch->connections_max);
  start_waiting(lane);
}

/* The host could not be reached, and nothing came from it since that was tried: those whose request has not left need not find
 * out one by one, they can go to another host while there is time. */
static void drop_unsent(struct lane *lane, const char *problem) {
  struct fetch_call *next;
  for (struct fetch_call *call = lane->active.first; call; call = next) {
    next = call->next;
    if (call->sent_count == 0) drop_call(call, FETCH_NOT_SENT, problem);
  }
  while (lane->waiting.first) drop_call(lane->waiting.first, FETCH_NOT_SENT, problem);
}

static void finish_call(struct fetch_call *call, CURLcode code) {
  struct lane *lane = call->lane;
  char problem[sizeof call->reply->problem];
  transfer_judge(call, code);
  if (call->reply->result == FETCH_ANSWERED) note_answer(lane, call->easy);
  bool is_down = call->reply->result == FETCH_NOT_SENT && lane->answered_ms < call->started_ms;
  snprintf(problem, sizeof problem, "%s", call->reply->problem);
  leave(call);
  if (is_down) drop_unsent(lane, problem);
}

/* --- curl in the loop
 * ------------------------------------------------------------------------------------------------------------ */

void lane_run(struct lane *lane, curl_socket_t fd, int events) {
  int running, left;
  const CURLMsg *message;
  curl_multi_socket_action(lane->multi, fd, events, &running);
  while ((message = curl_multi_info_read(lane->multi, &left))) {
    struct fetch_call *call = NULL;
    if (message->msg != CURLMSG_DONE) continue;
    CURLcode code = message->data.result; /* the message is gone with its handle */
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
    finish_call(call, code);
  }
  start_waiting(lane);
  calls_resume(lane->fetch);
}

static void take_time(struct loop_timer *timer) {
  lane_run(timer->arg, CURL_SOCKET_TIMEOUT, 0);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg) {
  struct lane *lane = arg;
  (void)easy, (void)socket_arg;
  sockets_want(&lane->fetch->sockets, lane, fd, what);
  return 0;
}

static int set_timer(CURLM *multi, long ms, void *arg) {
  struct lane *lane = arg;
  (void)multi;
  if (ms < 0)
    loop_timer_clear(lane->fetch->loop, &lane->timer);
  else
    (void)loop_timer_set(lane->fetch->loop, &lane->timer, clock_mono_ms() + (uint64_t)ms);
  return 0;
}

static int set_options(struct lane *lane) {
  int failed = 0;
  failed |= curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
  failed |= curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
  failed |= curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, set_timer);
  failed |= curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
  failed |= curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  failed |= curl_multi_setopt(lane->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, STREAMS_MAX);
  failed |= curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)lane->fetch->connections_max);
  bound_connections(lane);
  return failed ? -1 : 0;
}

static struct lane *make_lane(struct fetch *fetch, const struct address_target *target) {
  struct lane *lane = calloc(1, sizeof *lane);
  if (!lane) return NULL;
  lane->fetch = fetch;
  lane->window = WINDOW_FIRST;
  lane->timer = (struct loop_timer){.fired = take_time, .arg = lane};
  lane->widening = (struct loop_timer){.fired = widen, .arg = lane};
  lane->origin = str_dup(target->origin);
  lane->multi = curl_multi_init();
  if (!lane->origin || !lane->multi || set_options(lane) != 0) {
    lane_free(lane);
    return NULL;
  }
  lane->is_tls = target->is_tls;
  lane->host = str_make(lane->origin + (target->host.p - target->origin.p), target->host.n);
  lane->next = fetch->lanes;
  fetch->lanes = lane;
  return lane;
}

struct lane *lane_find(struct fetch *fetch, struct str url) {
  struct address_target target;
  if (address_parse_url(url, &target) != 0) return NULL;
  for (struct lane *lane = fetch->lanes; lane; lane = lane->next)
    if (str_eq(str_of(lane->origin), target.origin)) return lane;
  return make_lane(fetch, &target);
}

void lane_free(struct lane *lane) {
  curl_multi_cleanup(lane->multi);
  loop_timer_clear(lane->fetch->loop, &lane->timer);
  loop_timer_clear(lane->fetch->loop, &lane->widening);
  free(lane->origin);
  free(lane);
}

void lane_enter(struct fetch_call *call) {
  struct lane *lane = call->lane;
  if (lane->active.count == 0 && clock_mono_ms() - lane->answered_ms > WINDOW_LIFETIME_MS) lane->window = WINDOW_FIRST;
  call->state = CALL_WAITING;
  call_list_push(&lane->waiting, call);
  start_waiting(lane);
}

void lane_drop(struct fetch_call *call, enum fetch_result result, const char *problem) {
  struct lane *lane = call->lane;
  drop_call(call, result, problem);
  start_waiting(lane);
}
