/* SPDX-License-Identifier: Apache-2.0
 * revoke: sessions that have ended before their time. Tickets carry them between workers and hosts; each worker keeps what it has
 * read in a table that only its reactor touches. */
#ifndef WEIGATE_SIGNIN_REVOKE_H
#define WEIGATE_SIGNIN_REVOKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weigate/storage.h>

#include "base/text.h"
#include "store/kinds.h"

struct session;

#define REVOKE_KIND KIND_REVOKE
/* 16 bytes of fingerprint each in hex. */
#define REVOKE_KEY_BYTES 33
/* 40 bytes an entry: 10 MB at most. Beyond it every session as old as the oldest revocation is asked to sign in again: closed,
 * not open. */
#define REVOKE_ENTRIES_MAX 262144

/* One revocation: every session with this fingerprint that was signed in at or before that moment. */
struct revocation {
  uint8_t print[16];
  int64_t before_s;  /* INT64_MAX: however late */
  int64_t expires_s; /* no such session can be alive any more */
};

struct revoke_table;

int revoke_table_new(struct revoke_table **ret_table);
void revoke_table_free(struct revoke_table *table);
/* Reactor only. now_s lets it forget what has expired when it needs room. */
void revoke_add(struct revoke_table *table, const struct revocation *revocation, int64_t now_s);
bool revoke_has(const struct revoke_table *table, struct str context, const struct session *session);
/* The same for a revocation of everybody in one account, by its fingerprint (revoke_print_everyone()). Reactor only. */
bool revoke_has_everyone(const struct revoke_table *table, const uint8_t print[16], const struct session *session);
size_t revoke_count(const struct revoke_table *table);

/* What a sign-out revokes, and what revokes all of a person's sessions. context: the account's. */
void revoke_of_session(struct str context, const struct session *session, int64_t expires_s, struct revocation *ret_revocation);
void revoke_of_person(struct str context, struct str openid, int64_t before_s, int64_t expires_s,
                      struct revocation *ret_revocation);

/* What revokes every session of an account, and its fingerprint: that of an openid that nobody can have. Any thread. */
void revoke_print_everyone(struct str context, uint8_t ret_print[16]);
void revoke_of_everyone(struct str context, int64_t before_s, int64_t expires_s, struct revocation *ret_revocation);

/* As a ticket: key and value are written into the given room, and *ret_ticket points there. */
void revoke_to_ticket(const struct revocation *revocation, char key[REVOKE_KEY_BYTES], uint8_t value[8],
                      struct weigate_ticket *ret_ticket);
/* -1 for a ticket of another form. */
int revoke_from_ticket(const struct weigate_ticket *ticket, struct revocation *ret_revocation);

#endif
