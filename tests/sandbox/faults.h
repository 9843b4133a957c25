/* SPDX-License-Identifier: Apache-2.0
 * faults: what shall go wrong, for whom, at which call, and how often. Set by the control interface, taken by the calls. */
#ifndef WEIGATE_SANDBOX_FAULTS_H
#define WEIGATE_SANDBOX_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

struct cJSON;

/* An answer has 10 members; a test replaces a few. Headers likewise. */
#define FAULT_PAIRS_MAX 16

/* Owned bytes; p may hold anything. */
struct fault_bytes {
  char *p;
  size_t n;
  bool given;
};

struct fault_pair {
  char *name;
  struct fault_bytes value;
};

struct fault_pairs {
  struct fault_pair row[FAULT_PAIRS_MAX];
  size_t count;
};

/* Read-only once it is in the table; whoever took it holds a reference. The fields are described in fault_fields.c. */
struct fault {
  atomic_uint references;
  uint32_t id, person; /* PERSON_NONE: everybody */
  int call;            /* CALL_ANY: the four API calls */
  uint64_t count;      /* so many times, 0: until it is cleared */
  uint64_t hits;       /* guarded by the table's lock */
  char *text;          /* as it was asked for, JSON */
  struct fault *next;  /* same bucket, older first */

  struct fault_bytes errcode; /* raw JSON: a number or a string */
  struct fault_bytes errmsg;
  bool keep_fields, consume;
  struct fault_pairs set; /* raw JSON values; "null" without quotes in `set` removes */
  struct fault_pairs headers;
  bool reversed, bom;
  uint64_t extra_members, blanks;

  uint64_t status;
  struct fault_bytes content_type; /* given and p NULL: no such header */
  struct fault_bytes retry_after, redirect, body;
  bool gzip, endless;
  uint64_t gzip_bomb_bytes, pad_bytes;

  uint64_t delay_ms, jitter_ms, drip_ms;
  uint64_t truncate_at; /* TRUNCATE_NEVER by default */
  bool close, reset;
  struct fault_bytes raw, raw_repeat;
  uint64_t raw_repeat_ms;

  struct fault_bytes double_callback;
};

#define TRUNCATE_NEVER UINT64_MAX

struct faults;

struct faults *faults_new(void);
void faults_free(struct faults *faults);

/* Reads {"person", "call", "kind", …} into a new entry; -1 with a sentence for unknown or odd fields. Any thread. */
int faults_add(struct faults *faults, const struct cJSON *object, uint32_t *ret_id, struct err *err);
/* Removes one, or all with id 0; the number removed. Any thread. */
size_t faults_remove(struct faults *faults, uint32_t id);
/* The fault that this call of this person meets, with a reference, or NULL; the most particular first. Any thread. */
struct fault *faults_take(struct faults *faults, uint32_t person, int call);
/* Gives the reference back; NULL is fine. Any thread. */
void fault_put(struct fault *fault);
/* True if the fault stands in for WeChat's own answer, so that the call has no effect. Any thread. */
bool fault_prevents_call(const struct fault *fault);
/* Appends the active faults as a JSON array. Any thread. */
void faults_json(struct faults *faults, struct buf *out);

/* fault_fields.c: reads one object's fields into an empty fault, kind first. */
int fault_parse(struct fault *fault, const struct cJSON *object, struct err *err);
void fault_clear(struct fault *fault);

/* The ready-made faults and the fields, for the page and GET /sandbox/kinds. */
struct fault_kind {
  const char *name, *call, *sentence, *fields;
};
struct fault_field_help {
  const char *name, *form, *sentence;
};
extern const struct fault_kind fault_kinds[];
extern const size_t fault_kinds_count;
/* False when there is no such field. */
bool fault_field_at(size_t index, struct fault_field_help *ret_help);

#endif
