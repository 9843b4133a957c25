/* SPDX-License-Identifier: Apache-2.0
 * spool: what the stores could not take is kept here, sealed and fsynced, until they can. This is what admin commands use;
 * workers write through the spooler and empty it through the drain. */
#ifndef WEIGATE_STORE_SPOOL_H
#define WEIGATE_STORE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weigate/storage.h>

#include "base/err.h"
#include "base/seal.h"
#include "base/text.h"

struct spool_settings {
  const char *dir;              /* NULL: no spool */
  uint64_t max_bytes;           /* of all segments together */
  const struct seal_keys *keys; /* the first seals, all open; NULL: only what needs no key can be asked */
};

/* Checks the directory as a start would, and makes nothing where `makes` is false. Before threads start. */
int spool_check(const struct spool_settings *settings, bool makes, struct err *err);

/* What is in the spool. */
struct spool_sight {
  uint64_t records, bytes;
  int64_t oldest_us; /* 0: there is nothing */
  uint64_t aside;    /* entries that were set aside */
  bool is_drained;   /* somebody holds a drain's lock */
  char trouble[256]; /* what the drain waits for, "" where it runs */
};
int spool_look(const struct spool_settings *settings, struct spool_sight *ret_sight, struct err *err);

/* One that was set aside; texts are valid during the call. */
struct spool_aside {
  const char *name, *target, *class, *reason;
  int64_t at_us;
  uint64_t bytes;
};
int spool_list_aside(const struct spool_settings *settings, void (*sink)(void *arg, const struct spool_aside *), void *arg,
                     struct err *err);
/* Puts all that was set aside back in line. */
int spool_retry(const struct spool_settings *settings, size_t *ret_count, struct err *err);

/* Removes one person from everything that waits or was set aside: profile, tokens, the claim's end; sign-in events stay without
 * the openid. Safe beside workers that append and drain. *ret_count: entries that were changed. Fails, having changed what it
 * could, where something cannot be opened with these keys. */
int spool_erase(const struct spool_settings *settings, struct str appid, struct str openid, size_t *ret_count, struct err *err);
/* Puts an erasure in line for the store of that name (storage.plugin or storage.mirror as written), so that a person can be
 * erased while the store is down. Durable when it returns. */
int spool_append_erasure(const struct spool_settings *settings, const char *target, struct str appid, struct str openid,
                         const struct weigate_stamp *stamp, struct err *err);

/* The same for a ticket, which the workers of this host see at once: a revocation while the store is down. */
int spool_append_ticket(const struct spool_settings *settings, const char *target, const struct weigate_ticket *ticket,
                        struct err *err);
/* Takes those tickets of an outage of that kind that is_meant() says yes to. *ret_count: taken. */
int spool_forget_tickets(const struct spool_settings *settings, const char *kind,
                         bool (*is_meant)(void *arg, const struct weigate_ticket *ticket), void *arg, size_t *ret_count,
                         struct err *err);

#endif
