/* SPDX-License-Identifier: Apache-2.0
 * revoke: a hash table with open addressing; lookups neither lock nor allocate. Runs on the reactor's thread. */
#include "signin/revoke.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/seal.h"
#include "signin/session.h"

/* Half full at most, so that a miss, the normal case, ends at the first look or the second. */
#define SLOTS_PER_ENTRY 2
#define SLOTS_FIRST     64

struct revoke_table {
  struct revocation *slots; /* expires_s == 0: free */
  size_t slots_count;       /* a power of two */
  size_t count;
  int64_t all_before_s; /* after an overflow: sessions signed in at or before it are void */
};

static size_t first_slot(const uint8_t print[16], size_t slots_count) {
  uint64_t hash;
  memcpy(&hash, print, sizeof(hash));
  return (size_t)hash & (slots_count - 1);
}

/* The slot that holds the fingerprint, or the free one where it belongs. */
static struct revocation *find_slot(struct revocation *slots, size_t slots_count, const uint8_t print[16]) {
  size_t at = first_slot(print, slots_count);
  while (slots[at].expires_s && memcmp(slots[at].print, print, 16) != 0) at = (at + 1) & (slots_count - 1);
  return &slots[at];
}

/* Moves what is still alive into a table with room for `count` entries; on lack of memory the old one stays. */
static int rebuild(struct revoke_table *table, size_t count, int64_t now_s) {
  size_t slots_count = SLOTS_FIRST;
  while (slots_count < count * SLOTS_PER_ENTRY) slots_count *= 2;
  struct revocation *slots = calloc(slots_count, sizeof(*slots));
  if (!slots) return -1;
  size_t kept = 0;
  for (size_t i = 0; i < table->slots_count; i++) {
    const struct revocation *old = &table->slots[i];
    if (old->expires_s <= now_s) continue;
    *find_slot(slots, slots_count, old->print) = *old;
    kept++;
  }
  free(table->slots);
  table->slots = slots;
  table->slots_count = slots_count;
  table->count = kept;
  return 0;
}

static bool has_room(const struct revoke_table *table) {
  return table->count < REVOKE_ENTRIES_MAX && (table->count + 1) * SLOTS_PER_ENTRY <= table->slots_count;
}

/* Without room for single entries everything signed in until now is void: closed, not open. */
static void void_all(struct revoke_table *table, int64_t now_s) {
  memset(table->slots, 0, table->slots_count * sizeof(*table->slots));
  table->count = 0;
  table->all_before_s = now_s;
}

int revoke_table_new(struct revoke_table **ret_table) {
  struct revoke_table *table = calloc(1, sizeof(*table));
  if (!table) return -1;
  table->all_before_s = INT64_MIN;
  if (rebuild(table, 0, 0) < 0) {
    free(table);
    return -1;
  }
  *ret_table = table;
  return 0;
}

void revoke_table_free(struct revoke_table *table) {
  if (!table) return;
  free(table->slots);
  free(table);
}

void revoke_add(struct revoke_table *table, const struct revocation *revocation, int64_t now_s) {
  if (revocation->expires_s <= now_s) return;
  struct revocation *slot = find_slot(table->slots, table->slots_count, revocation->print);
  if (slot->expires_s) {
    if (revocation->before_s > slot->before_s) slot->before_s = revocation->before_s;
    if (revocation->expires_s > slot->expires_s) slot->expires_s = revocation->expires_s;
    return;
  }
  if (!has_room(table)) {
    size_t wanted = table->count < REVOKE_ENTRIES_MAX ? table->count * 2 + 1 : table->count;
    if (rebuild(table, wanted, now_s) < 0 || !has_room(table)) {
      void_all(table, now_s);
      return;
    }
    slot = find_slot(table->slots, table->slots_count, revocation->print);
  }
  *slot = *revocation;
  table->count++;
}

static bool has_print(const struct revoke_table *table, const uint8_t print[16], int64_t signed_in_at_s) {
  const struct revocation *slot = find_slot(table->slots, table->slots_count, print);
  return slot->expires_s && signed_in_at_s <= slot->before_s;
}

bool revoke_has(const struct revoke_table *table, struct str context, const struct session *session) {
  struct revocation wanted;
  if (session->signed_in_at_s <= table->all_before_s) return true;
  if (!table->count) return false;
  revoke_of_session(context, session, 1, &wanted);
  if (has_print(table, wanted.print, session->signed_in_at_s)) return true;
  revoke_of_person(context, str_of(session->openid), 0, 1, &wanted);
  return has_print(table, wanted.print, session->signed_in_at_s);
}

bool revoke_has_everyone(const struct revoke_table *table, const uint8_t print[16], const struct session *session) {
  return table->count > 0 && has_print(table, print, session->signed_in_at_s);
}

size_t revoke_count(const struct revoke_table *table) {
  return table->count;
}

void revoke_of_session(struct str context, const struct session *session, int64_t expires_s, struct revocation *ret_revocation) {
  *ret_revocation = (struct revocation){.before_s = INT64_MAX, .expires_s = expires_s};
  seal_fingerprint(SEAL_SESSION, context, str_make((const char *)session->id, SESSION_ID_BYTES), ret_revocation->print);
}

void revoke_of_person(struct str context, struct str openid, int64_t before_s, int64_t expires_s,
                      struct revocation *ret_revocation) {
  *ret_revocation = (struct revocation){.before_s = before_s, .expires_s = expires_s};
  seal_fingerprint(SEAL_TICKET, context, openid, ret_revocation->print);
}

void revoke_print_everyone(struct str context, uint8_t ret_print[16]) {
  seal_fingerprint(SEAL_TICKET, context, STR(""), ret_print);
}

void revoke_of_everyone(struct str context, int64_t before_s, int64_t expires_s, struct revocation *ret_revocation) {
  revoke_of_person(context, STR(""), before_s, expires_s, ret_revocation);
}

void revoke_to_ticket(const struct revocation *revocation, char key[REVOKE_KEY_BYTES], uint8_t value[8],
                      struct weigate_ticket *ret_ticket) {
  text_hex_encode(key, revocation->print, sizeof(revocation->print));
  bytes_put_u64(value, (uint64_t)revocation->before_s);
  *ret_ticket = (struct weigate_ticket){
      .struct_size = sizeof(*ret_ticket),
      .flags = WEIGATE_TICKET_DURABLE,
      .kind = {REVOKE_KIND, sizeof(REVOKE_KIND) - 1},
      .key = {key, REVOKE_KEY_BYTES - 1},
      .value = {(const char *)value, 8},
      .expires_at_us = revocation->expires_s * 1000000,
  };
}

int revoke_from_ticket(const struct weigate_ticket *ticket, struct revocation *ret_revocation) {
  struct revocation revocation = {.expires_s = ticket->expires_at_us / 1000000};
  if (ticket->value.size != 8 || text_hex_decode(revocation.print, 16, str_make(ticket->key.bytes, ticket->key.size)) < 0)
    return -1;
  revocation.before_s = (int64_t)bytes_get_u64((const uint8_t *)ticket->value.bytes);
  *ret_revocation = revocation;
  return 0;
}
