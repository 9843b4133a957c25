/* SPDX-License-Identifier: Apache-2.0
 * ledger: a ring of entries under one lock, and counters beside it; any thread. */
#include "ledger.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/json.h"
#include "grants.h"
#include "people.h"

/* A line is about 350 bytes. */
#define LINE_MAX_BYTES 1024

struct ledger {
  pthread_mutex_t lock; /* guards the ring; nothing is called while it is held */
  const struct options *options;
  struct ledger_entry *ring;
  size_t ring_count;
  uint64_t last;    /* number of the newest entry; the first is 1 */
  uint64_t cleared; /* numbers up to this one are gone */
  struct ledger_counts counts;
};

static const char *const call_names[CALL_COUNT] = {"authorize", "qrconnect", "access_token", "refresh_token", "userinfo", "auth"};

static void add_time(struct buf *out, int64_t time_us) {
  char text[32];
  text_rfc3339(text, time_us / 1000000);
  size_t length = strlen(text);
  /* "…:00Z" becomes "…:00.123456Z". */
  buf_addf(out, "\"%.*s.%06dZ\"", (int)(length - 1), text, (int)(time_us % 1000000));
}

static void add_person(struct buf *out, const struct options *options, const struct ledger_entry *entry) {
  if (entry->person == PERSON_NONE) {
    buf_add_text(out, ",\"person\":null,\"openid\":null");
    return;
  }
  char id[PERSON_ID_BYTES], openid[OPENID_BYTES];
  people_id(entry->person, id);
  buf_addf(out, ",\"person\":\"%s\"", id);
  if (entry->account < 0) {
    buf_add_text(out, ",\"openid\":null");
    return;
  }
  people_openid(entry->person, str_of(options->accounts[entry->account].appid), entry->snapshot, openid);
  buf_addf(out, ",\"openid\":\"%s\"", openid);
}

static void add_line(struct buf *out, const struct options *options, uint64_t number, const struct ledger_entry *entry) {
  buf_addf(out, "{\"seq\":%llu,\"time\":", (unsigned long long)number);
  add_time(out, entry->time_us);
  buf_addf(out, ",\"call\":\"%s\",\"appid\":", call_names[entry->call]);
  if (entry->account >= 0)
    json_add_string(out, str_of(options->accounts[entry->account].appid));
  else
    buf_add_text(out, "null");
  add_person(out, options, entry);
  buf_add_text(out, ",\"code\":");
  if (entry->code[0])
    json_add_string(out, str_of(entry->code));
  else
    buf_add_text(out, "null");
  if (entry->scope >= 0)
    buf_addf(out, ",\"scope\":\"%s\"", ledger_scope_name(entry->scope));
  else
    buf_add_text(out, ",\"scope\":null");
  buf_addf(out, ",\"outcome\":\"%s\",\"errcode\":%d,\"status\":%d", entry->outcome, entry->errcode, entry->status);
  if (entry->fault)
    buf_addf(out, ",\"fault\":%u", entry->fault);
  else
    buf_add_text(out, ",\"fault\":null");
  buf_addf(out, ",\"snapshot\":%s,\"port\":%d,\"reused\":%s,\"tls\":%s}\n", entry->snapshot ? "true" : "false", entry->port,
           entry->reused ? "true" : "false", entry->tls ? "true" : "false");
}

/* The next wanted entry, copied; moves query->since to it (or to the end). */
static bool copy_next(struct ledger *ledger, struct ledger_query *query, struct ledger_entry *ret_entry) {
  bool found = false;
  pthread_mutex_lock(&ledger->lock);
  uint64_t oldest = ledger->last > ledger->ring_count ? ledger->last - ledger->ring_count : 0;
  if (oldest < ledger->cleared) oldest = ledger->cleared;
  if (query->since < oldest) query->since = oldest;
  while (!found && query->since < ledger->last) {
    const struct ledger_entry *entry = &ledger->ring[++query->since % ledger->ring_count];
    if (query->call != CALL_ANY && query->call != entry->call) continue;
    if (query->person != PERSON_NONE && query->person != entry->person) continue;
    *ret_entry = *entry;
    found = true;
  }
  pthread_mutex_unlock(&ledger->lock);
  return found;
}

struct ledger *ledger_new(const struct options *options) {
  struct ledger *ledger = calloc(1, sizeof *ledger);
  if (!ledger) return NULL;
  pthread_mutex_init(&ledger->lock, NULL);
  ledger->options = options;
  ledger->ring_count = options->ledger_count;
  ledger->ring = calloc(ledger->ring_count, sizeof *ledger->ring);
  if (ledger->ring) return ledger;
  ledger_free(ledger);
  return NULL;
}

void ledger_free(struct ledger *ledger) {
  if (!ledger) return;
  pthread_mutex_destroy(&ledger->lock);
  free(ledger->ring);
  free(ledger);
}

void ledger_add(struct ledger *ledger, const struct ledger_entry *entry) {
  struct ledger_counts *counts = &ledger->counts;
  atomic_fetch_add_explicit(&counts->calls[entry->call], 1, memory_order_relaxed);
  if (entry->errcode != 0) atomic_fetch_add_explicit(&counts->failed[entry->call], 1, memory_order_relaxed);
  if (entry->fault) atomic_fetch_add_explicit(&counts->faults, 1, memory_order_relaxed);
  pthread_mutex_lock(&ledger->lock);
  ledger->ring[++ledger->last % ledger->ring_count] = *entry;
  pthread_mutex_unlock(&ledger->lock);
}

void ledger_clear(struct ledger *ledger) {
  struct ledger_counts *counts = &ledger->counts;
  pthread_mutex_lock(&ledger->lock);
  ledger->cleared = ledger->last;
  pthread_mutex_unlock(&ledger->lock);
  for (int call = 0; call < CALL_COUNT; call++) {
    atomic_store(&counts->calls[call], 0);
    atomic_store(&counts->failed[call], 0);
  }
  atomic_store(&counts->minted, 0);
  atomic_store(&counts->exchanged, 0);
  atomic_store(&counts->faults, 0);
  atomic_store(&counts->connections, 0);
  atomic_store(&counts->in_flight_max, atomic_load(&counts->in_flight));
}

struct ledger_counts *ledger_counts(struct ledger *ledger) {
  return &ledger->counts;
}

void ledger_enter(struct ledger *ledger) {
  int64_t now = atomic_fetch_add(&ledger->counts.in_flight, 1) + 1;
  int64_t max = atomic_load(&ledger->counts.in_flight_max);
  while (now > max && !atomic_compare_exchange_weak(&ledger->counts.in_flight_max, &max, now)) continue;
}

void ledger_leave(struct ledger *ledger) {
  atomic_fetch_sub(&ledger->counts.in_flight, 1);
}

bool ledger_lines(struct ledger *ledger, struct ledger_query *query, size_t bytes_max, struct buf *out) {
  struct ledger_entry entry;
  while (out->len + LINE_MAX_BYTES <= bytes_max) {
    if (query->limit == 0 || !copy_next(ledger, query, &entry)) return false;
    query->limit--;
    add_line(out, ledger->options, query->since, &entry);
  }
  return true;
}

void ledger_counts_json(struct ledger *ledger, struct buf *out) {
  struct ledger_counts *counts = &ledger->counts;
  buf_add_text(out, "{\"calls\":{");
  for (int call = 0; call < CALL_COUNT; call++)
    buf_addf(out, "%s\"%s\":%llu", call ? "," : "", call_names[call], (unsigned long long)atomic_load(&counts->calls[call]));
  buf_add_text(out, "},\"failed\":{");
  for (int call = 0; call < CALL_COUNT; call++)
    buf_addf(out, "%s\"%s\":%llu", call ? "," : "", call_names[call], (unsigned long long)atomic_load(&counts->failed[call]));
  pthread_mutex_lock(&ledger->lock);
  uint64_t last = ledger->last;
  pthread_mutex_unlock(&ledger->lock);
  buf_addf(out, "},\"codes_minted\":%llu,\"codes_exchanged\":%llu,\"faults_applied\":%llu,\"connections\":%llu",
           (unsigned long long)atomic_load(&counts->minted), (unsigned long long)atomic_load(&counts->exchanged),
           (unsigned long long)atomic_load(&counts->faults), (unsigned long long)atomic_load(&counts->connections));
  buf_addf(out, ",\"in_flight\":%lld,\"in_flight_max\":%lld,\"ledger_seq\":%llu}", (long long)atomic_load(&counts->in_flight),
           (long long)atomic_load(&counts->in_flight_max), (unsigned long long)last);
}

const char *ledger_call_name(enum call call) {
  return call < CALL_COUNT ? call_names[call] : "any";
}

enum call ledger_call_find(struct str name) {
  for (int call = 0; call < CALL_COUNT; call++)
    if (str_eq(name, str_of(call_names[call]))) return (enum call)call;
  return CALL_COUNT;
}

const char *ledger_scope_name(int scope) {
  return scope == SCOPE_BASE ? "snsapi_base" : scope == SCOPE_LOGIN ? "snsapi_login" : "snsapi_userinfo";
}
