/* SPDX-License-Identifier: Apache-2.0
 * faults: a table keyed by person and call, so that load pays one atomic load while nothing is set and four looks while something
 * is. */
#include "faults.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdlib.h>

#include "ledger.h"
#include "people.h"

/* A test sets a handful; 1,024 is one for every call of a scripted burst. */
#define FAULTS_MAX 1024
#define BUCKETS    1024

struct faults {
  atomic_uint active;
  pthread_mutex_t lock; /* guards the rest; nothing is called while it is held */
  uint32_t next_id;
  struct fault *buckets[BUCKETS];
};

static size_t find_bucket(uint32_t person, int call) {
  uint64_t key = ((uint64_t)person << 8 | (unsigned)call) * 0x9e3779b97f4a7c15u;
  return (size_t)(key >> 54) % BUCKETS;
}

/* Takes the entry out of its list; the table's reference goes to the caller. */
static struct fault *unlink_fault(struct faults *faults, struct fault **link) {
  struct fault *fault = *link;
  *link = fault->next;
  fault->next = NULL;
  atomic_fetch_sub(&faults->active, 1);
  return fault;
}

/* The first fault for exactly this person and call, with a reference for the caller. */
static struct fault *take_exact(struct faults *faults, uint32_t person, int call) {
  for (struct fault **link = &faults->buckets[find_bucket(person, call)]; *link; link = &(*link)->next) {
    struct fault *fault = *link;
    if (fault->person != person || fault->call != call) continue;
    fault->hits++;
    if (fault->count > 0 && fault->hits == fault->count) return unlink_fault(faults, link);
    atomic_fetch_add(&fault->references, 1);
    return fault;
  }
  return NULL;
}

static void append_fault(struct faults *faults, struct fault *fault) {
  struct fault **link = &faults->buckets[find_bucket(fault->person, fault->call)];
  while (*link) link = &(*link)->next;
  *link = fault;
}

struct faults *faults_new(void) {
  struct faults *faults = calloc(1, sizeof *faults);
  if (faults) pthread_mutex_init(&faults->lock, NULL);
  return faults;
}

void faults_free(struct faults *faults) {
  if (!faults) return;
  faults_remove(faults, 0);
  pthread_mutex_destroy(&faults->lock);
  free(faults);
}

int faults_add(struct faults *faults, const cJSON *object, uint32_t *ret_id, struct err *err) {
  struct fault *fault = calloc(1, sizeof *fault);
  if (!fault) return err_set(err, "out of memory");
  atomic_init(&fault->references, 1);
  if (fault_parse(fault, object, err)) {
    fault_put(fault);
    return -1;
  }
  pthread_mutex_lock(&faults->lock);
  bool full = atomic_load(&faults->active) == FAULTS_MAX;
  if (!full) {
    fault->id = ++faults->next_id;
    *ret_id = fault->id;
    append_fault(faults, fault);
    atomic_fetch_add(&faults->active, 1);
  }
  pthread_mutex_unlock(&faults->lock);
  if (!full) return 0;
  fault_put(fault);
  return err_set(err, "%d faults are active already; DELETE /sandbox/faults", FAULTS_MAX);
}

size_t faults_remove(struct faults *faults, uint32_t id) {
  struct fault *removed = NULL;
  size_t count = 0;
  pthread_mutex_lock(&faults->lock);
  for (size_t i = 0; i < BUCKETS; i++) {
    for (struct fault **link = &faults->buckets[i]; *link;) {
      if (id != 0 && (*link)->id != id) {
        link = &(*link)->next;
        continue;
      }
      struct fault *fault = unlink_fault(faults, link);
      fault->next = removed;
      removed = fault;
      count++;
    }
  }
  pthread_mutex_unlock(&faults->lock);
  while (removed) {
    struct fault *next = removed->next;
    fault_put(removed);
    removed = next;
  }
  return count;
}

struct fault *faults_take(struct faults *faults, uint32_t person, int call) {
  if (atomic_load_explicit(&faults->active, memory_order_relaxed) == 0) return NULL;
  struct fault *fault = NULL;
  bool is_api = call >= CALL_ACCESS_TOKEN;
  pthread_mutex_lock(&faults->lock);
  if (person != PERSON_NONE) fault = take_exact(faults, person, call);
  if (!fault && person != PERSON_NONE && is_api) fault = take_exact(faults, person, CALL_ANY);
  if (!fault) fault = take_exact(faults, PERSON_NONE, call);
  if (!fault && is_api) fault = take_exact(faults, PERSON_NONE, CALL_ANY);
  pthread_mutex_unlock(&faults->lock);
  return fault;
}

void fault_put(struct fault *fault) {
  if (!fault || atomic_fetch_sub(&fault->references, 1) != 1) return;
  fault_clear(fault);
  free(fault);
}

bool fault_prevents_call(const struct fault *fault) {
  if (!fault || fault->consume || fault->keep_fields) return false;
  return fault->errcode.given || fault->status >= 300 || fault->redirect.given;
}

void faults_json(struct faults *faults, struct buf *out) {
  bool first = true;
  buf_add_char(out, '[');
  pthread_mutex_lock(&faults->lock);
  for (size_t i = 0; i < BUCKETS; i++) {
    for (struct fault *fault = faults->buckets[i]; fault; fault = fault->next) {
      buf_addf(out, "%s{\"id\":%u,\"hits\":%llu,\"left\":", first ? "" : ",", fault->id, (unsigned long long)fault->hits);
      if (fault->count > 0)
        buf_addf(out, "%llu", (unsigned long long)(fault->count - fault->hits));
      else
        buf_add_text(out, "null");
      buf_addf(out, ",\"fault\":%s}", fault->text);
      first = false;
    }
  }
  pthread_mutex_unlock(&faults->lock);
  buf_add_char(out, ']');
}
