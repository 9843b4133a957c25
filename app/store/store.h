/* SPDX-License-Identifier: Apache-2.0
 * store: what the sign-in asks of storage. Waiting calls of many coroutines become batches; storage threads make them. */
#ifndef WEIGATE_STORE_STORE_H
#define WEIGATE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weigate/storage.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "store/plugin.h"
#include "store/spool.h"

struct store_settings {
  struct plugin_settings plugin;
  struct plugin_settings mirror; /* gets every write too; .plugin NULL: none. Needs a spool */
  struct spool_settings spool;
  size_t threads; /* per worker and plugin; writes use at most the plugin's writers_max of them */
  size_t batch_max;
  uint64_t deadline_ms; /* one storage call, waiting in the queue included */
};

struct store;

/* What is counted. Before metrics_start(). */
void store_metrics_register(void);

/* Loads the plugin and its mirror, opens the spool, starts the storage threads (signals blocked, stacks of 512 KiB) and lets them
 * connect in the background: a store that is not there yet makes calls go to the spool, or without one fail with
 * WEIGATE_UNAVAILABLE, but not the start. Completions arrive on the loop. In a worker, after fork. */
int store_start(struct loop *loop, const struct store_settings *settings, struct store **ret_store, struct err *err);
/* Ends the threads after the calls in flight; every waiting call must have returned. */
void store_stop(struct store *store);

/* How a call ended. done: the store has it. */
struct store_answer {
  int class; /* enum weigate_class */
  enum weigate_item item;
  const char *field; /* with WEIGATE_ITEM_REJECTED */
  char message[200];
};
static inline bool store_is_done(const struct store_answer *answer) {
  return answer->class == WEIGATE_OK;
}

/* A person copied out of the store; slices of `person` point into memory. */
struct store_person {
  bool is_found;
  struct weigate_person person;
  struct buf memory;
};
void store_person_done(struct store_person *person);

struct store_ticket {
  bool is_found;
  uint8_t value[WEIGATE_TICKET_VALUE_MAX];
  size_t value_bytes;
  int64_t expires_at_us;
};

/* All of these take time from the settings' deadline; what they are given must stay until they return. Out of time while still
 * waiting for a thread: WEIGATE_TIMEOUT; while the plugin has it: WEIGATE_OUTCOME_UNKNOWN for writes, even if the plugin hangs.
 * Without a store: WEIGATE_UNAVAILABLE (or what it said) at once.
 *
 * With a spool a store in trouble is none of the caller's: a record or a ticket that a store did not take waits there, sealed and
 * durable, and the answer is OK; claims and tickets are agreed between the workers of this host. What then is not OK is the
 * spool's: WEIGATE_FULL at its limit. */

/* Records one sign-in together with others that wait; returns when it is durable in the store (and its mirror) or in the spool,
 * or was refused. Without a spool an unknown outcome is resolved inside by sending the same batch again until the deadline.
 * Coroutine; may suspend. */
void store_record_wait(struct store *store, const struct weigate_signin *signin, struct store_answer *ret_answer);
/* Claims a ticket: item NEW, or TAKEN and *ret_found (may be NULL) is what is there. The value must be this claimer's own (hold
 * random bytes): a claim that has to be sent again knows itself by it. With a mirror it must win in both that are there, asked in
 * the order of their names, so that workers that were started with other roles for them agree. Coroutine; may suspend. */
void store_claim_wait(struct store *store, const struct weigate_ticket *ticket, struct store_ticket *ret_found,
                      struct store_answer *ret_answer);
void store_ticket_put_wait(struct store *store, const struct weigate_ticket *ticket, struct store_answer *ret_answer);
void store_ticket_get_wait(struct store *store, struct str kind, struct str key, struct store_ticket *ret_found,
                           struct store_answer *ret_answer);
void store_ticket_take_wait(struct store *store, struct str kind, struct str key, struct store_ticket *ret_found,
                            struct store_answer *ret_answer);
/* want: WEIGATE_WANT_…. Coroutine; may suspend. */
void store_load_wait(struct store *store, struct str appid, struct str openid, uint32_t want, struct store_person *ret_person,
                     struct store_answer *ret_answer);
/* Reads some of the tickets of a kind written since *cursor and calls the sink on the loop's thread for each; there may be more
 * as long as the cursor moves. Coroutine; may suspend. */
void store_ticket_scan_wait(struct store *store, struct str kind, uint64_t *cursor,
                            void (*sink)(void *arg, const struct weigate_ticket *), void *arg, struct store_answer *ret_answer);

/* For status: the plugin's last health, queue depths; never waits. Any thread. */
struct store_status {
  char plugin[64], version[64], path[512], digest[65];
  bool is_connected;
  bool has_tickets;
  char mirror[64]; /* its plugin's name, or "" */
  bool is_mirror_connected;
  char mirror_message[200];
  bool has_spool;
  uint64_t spool_records, spool_bytes, spool_oldest_s; /* of this host */
  bool is_spool_failing;                               /* it takes nothing: full, or its disk */
  size_t reads_waiting, writes_waiting, in_flight;
  int last_class; /* of the last call */
  char last_message[200];
  struct weigate_health health; /* refreshed every 5 s while up, 1 s while down */
  char half[160];               /* what is to be said of an unfinished copy into this store, or "" */
};
void store_status(const struct store *store, struct store_status *ret_status);

#endif
