/* SPDX-License-Identifier: Apache-2.0
 * ledger: every call the sandbox answered, in order, in a ring; and the counters over them. */
#ifndef WEIGATE_SANDBOX_LEDGER_H
#define WEIGATE_SANDBOX_LEDGER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "options.h"

/* What is written down; the names are in ledger.c. */
enum call {
  CALL_AUTHORIZE,
  CALL_QRCONNECT,
  CALL_ACCESS_TOKEN,
  CALL_REFRESH_TOKEN,
  CALL_USERINFO,
  CALL_AUTH,
  CALL_COUNT,
  CALL_ANY = CALL_COUNT, /* in filters and faults */
};

/* A code is 32 bytes; a longer text in its place is cut, which is enough to recognise it in a test. */
#define LEDGER_CODE_BYTES 40

struct ledger_entry {
  int64_t time_us;
  uint32_t person;            /* PERSON_NONE: nobody could be told */
  int32_t errcode;            /* what the answer said; on the authorize page 100xx */
  uint32_t fault;             /* id of the fault that was applied, 0: none */
  uint16_t port, status;      /* of the peer; HTTP status, 0: closed without an answer */
  uint8_t call;               /* enum call */
  int8_t account;             /* index into options.accounts, -1: unknown */
  int8_t scope;               /* enum grant_scope, -1: unknown */
  bool snapshot, reused, tls; /* reused: not the first request of its connection */
  const char *outcome;        /* a static word */
  char code[LEDGER_CODE_BYTES];
};

/* Totals since start or since ledger_clear(); each is changed by one atomic addition. */
struct ledger_counts {
  _Atomic uint64_t calls[CALL_COUNT], failed[CALL_COUNT];
  _Atomic uint64_t minted, exchanged; /* codes given out; codes exchanged for a token (each counts once) */
  _Atomic uint64_t faults, connections;
  _Atomic int64_t in_flight, in_flight_max; /* API calls between arrival and end of the answer */
};

struct ledger;

struct ledger *ledger_new(const struct options *options);
void ledger_free(struct ledger *ledger);
/* Any thread, all of these. */
void ledger_add(struct ledger *ledger, const struct ledger_entry *entry);
void ledger_clear(struct ledger *ledger);
struct ledger_counts *ledger_counts(struct ledger *ledger);
void ledger_enter(struct ledger *ledger);
void ledger_leave(struct ledger *ledger);

/* Which entries are wanted. */
struct ledger_query {
  uint64_t since;  /* entries with a greater number */
  uint64_t limit;  /* at most so many lines */
  int call;        /* CALL_ANY: all */
  uint32_t person; /* PERSON_NONE: all */
};

/* Appends matching entries as lines of JSON until out holds bytes_max, and moves the query on. False when nothing is left. */
bool ledger_lines(struct ledger *ledger, struct ledger_query *query, size_t bytes_max, struct buf *out);
/* Appends the counters as one JSON object. */
void ledger_counts_json(struct ledger *ledger, struct buf *out);

const char *ledger_call_name(enum call call);
/* CALL_COUNT when there is no such call. */
enum call ledger_call_find(struct str name);
const char *ledger_scope_name(int scope);

#endif
