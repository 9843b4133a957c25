/* SPDX-License-Identifier: Apache-2.0
 * resend: what one store acknowledged lately, kept so that it can be sent again when another server has taken the store's place:
 * a standby that is promoted may lack the last moments of an asynchronous replication. Writes are idempotent, so that what is
 * there already stays as it is. One per store; the loop's thread only, but for resend_server(). */
#ifndef WEIGATE_STORE_RESEND_H
#define WEIGATE_STORE_RESEND_H

#include <stdatomic.h>

#include "store/queue.h"

struct resend {
  struct loop *loop;
  struct queue *queue; /* of the store */
  /* What health said last, and when; 0: the plugin does not know. Any thread. */
  _Atomic uint64_t server_seen, seen_us;
  uint64_t server;         /* whose acknowledgements are kept */
  struct op *first, *last; /* oldest first */
  size_t bytes;
  struct op *sent; /* on their way again */
  size_t sent_count;
  bool is_sending; /* those kept until sending_until_us go again */
  uint64_t sending_until_us;
  size_t resent; /* since another server was seen */
  struct loop_timer timer;
};

void resend_init(struct resend *resend, struct loop *loop, struct queue *queue);
/* Takes over a RECORD or PUT that the store has just acknowledged: keeps or frees it. */
void resend_keep(struct resend *resend, struct op *op);
/* What health said: which server answers. Any thread. */
void resend_server(struct resend *resend, uint64_t server);
/* Frees all of it, also what is on its way. The store's threads have ended, and the loop does not run any more. */
void resend_done(struct resend *resend);

#endif
