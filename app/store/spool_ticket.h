/* SPDX-License-Identifier: Apache-2.0
 * spool_ticket: the tickets of an outage: one small sealed file each, so that the workers of a host agree while no store is there
 * to agree through. */
#ifndef WEIGATE_STORE_SPOOL_TICKET_H
#define WEIGATE_STORE_SPOOL_TICKET_H

#include "store/spool_dir.h"
#include "store/spool_record.h"

/* Two claims a sign-in, each kept for 12 minutes: 180 sign-ins a second. Beyond it claims are refused, and the visitor may try
 * again. */
#define SPOOL_TICKETS_MAX 262144

/* One that was read; ticket points into memory. */
struct spool_ticket {
  bool is_found;
  bool is_claim; /* nobody has put anything there since it was claimed */
  struct weigate_ticket ticket;
  struct buf memory;
};
void spool_ticket_done(struct spool_ticket *ticket);

/* All of these: 0, or -1 with errno. Blocking; spool thread. */

/* Inserts it if no other is there. *ret_item: NEW, or TAKEN and *ret_found is the other. ENOSPC where there are too many. */
int spool_ticket_claim(const struct spool_dir *dir, const struct seal_keys *keys, const struct weigate_ticket *ticket,
                       enum weigate_item *ret_item, struct spool_ticket *ret_found);
/* Inserts or replaces it; fsynced where its flags say so. */
int spool_ticket_put(const struct spool_dir *dir, const struct seal_keys *keys, const struct weigate_ticket *ticket);
int spool_ticket_get(const struct spool_dir *dir, const struct seal_keys *keys, struct weigate_text kind, struct weigate_text key,
                     struct spool_ticket *ret_found);
/* Of two takers one gets it. */
int spool_ticket_take(const struct spool_dir *dir, const struct seal_keys *keys, struct weigate_text kind,
                      struct weigate_text key, struct spool_ticket *ret_found);
/* All of a kind that were written since then, some twice. */
int spool_ticket_scan(const struct spool_dir *dir, const struct seal_keys *keys, struct weigate_text kind, int64_t since_us,
                      void (*sink)(void *arg, const struct weigate_ticket *), void *arg);
/* Removes what is past its time, and counts the others anew. */
void spool_ticket_sweep(const struct spool_dir *dir);

#endif
