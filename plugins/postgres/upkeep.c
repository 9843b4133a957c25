/* SPDX-License-Identifier: Apache-2.0
 * upkeep: maintenance, step by step, under a lease so that two do not collide. Each step is its own transaction, may be broken
 * off anywhere, and goes on the next time. Storage threads. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "parts.h"
#include "record.h"
#include "schema.h"

/* Rows that one transaction takes out: some milliseconds. */
#define EXPIRE_ROWS "1000"
#define EXPIRE_MOST 1000
/* A person that is erased touches every month. */
#define ERASE_ROWS "20"
/* Longest wait for a lock: others come first, what is left is done the next time. */
#define LOCK_MS "3000"
/* How long nobody else maintains after this one was killed. Longer than any single step but the analysts' counts of a first year.
 */
#define LEASE_SECONDS "600"
/* A host's name and a process. */
#define HOLDER_BYTES 96
/* weigate.login_event_2026_01 */
#define PARTITION_BYTES 64
#define DAY_MS          INT64_C(86400000)
#define DDL_BYTES       256

struct upkeep {
  struct weigate_handle *handle;
  struct weigate_call *call;
  weigate_step_sink sink; /* may be NULL */
  void *context;
  bool is_dry, is_enough, has_dropped;
  char holder[HOLDER_BYTES];
};

static void tell(struct upkeep *u, const char *what, const char *object, int64_t count) {
  const struct weigate_step step = {
      .struct_size = sizeof(step), .what = {what, strlen(what)}, .object = {object, strlen(object)}, .count = count};
  if (u->sink && !u->is_enough) u->is_enough = u->sink(u->context, &step) != 0;
}

static int ask(struct upkeep *u, const struct question *question, PGresult **ret_result) {
  return handle_ask(u->handle, u->call, question, ret_result);
}

/* Asks for one number; NULL counts as 0. */
static int ask_number(struct upkeep *u, const struct question *question, int64_t *ret_number) {
  PGresult *result = NULL;
  int class = ask(u, question, &result);
  if (class != WEIGATE_OK) return class;
  *ret_number = PQntuples(result) == 1 && !PQgetisnull(result, 0, 0) ? record_number(result, 0, 0) : 0;
  PQclear(result);
  return WEIGATE_OK;
}

static int run(struct upkeep *u, const char *sql, const char *doing) {
  struct question question = {.sql = sql, .doing = doing};
  PGresult *result = NULL;
  int class = handle_ask_raw(u->handle, u->call, &question, &result);
  PQclear(result);
  return class;
}

/* --- the lease --- */

static int take_lease(struct upkeep *u) {
  char host[64] = "";
  int64_t is_ours = 0;
  gethostname(host, sizeof(host) - 1);
  snprintf(u->holder, sizeof(u->holder), "%s/%ld", host[0] ? host : "host", (long)getpid());
  struct question question = {.sql = "SELECT weigate.lease_take('maintain', $1, " LEASE_SECONDS ")::integer",
                              .doing = "begin maintenance",
                              .values = {u->holder},
                              .count = 1};
  int class = ask_number(u, &question, &is_ours);
  if (class != WEIGATE_OK || is_ours) return class;
  snprintf(
      u->call->message, sizeof(u->call->message),
      "somebody else maintains this store; who does is in weigate.store_meta, under maintain, and loses it after 10 minutes");
  return WEIGATE_BUSY;
}

/* Whatever went wrong before is the call's answer, not this. */
static void give_lease_back(struct upkeep *u) {
  struct weigate_call call = *u->call;
  struct question question = {
      .sql = "SELECT weigate.lease_end('maintain', $1)", .doing = "end maintenance", .values = {u->holder}, .count = 1};
  PGresult *result = NULL;
  handle_ask(u->handle, &call, &question, &result);
  PQclear(result);
}

/* --- steps --- */

static int make_partitions(struct upkeep *u) {
  struct question wanted = {.sql = "SELECT parent, month, name FROM weigate.partitions_wanted()", .doing = "look for partitions"};
  PGresult *result = NULL;
  int class = ask(u, &wanted, &result);
  for (int row = 0; class == WEIGATE_OK && row < PQntuples(result); row++) {
    int64_t is_made = 1;
    struct question make = {.sql = "SELECT weigate.partition_make($1, $2::date)::integer",
                            .doing = "make a partition",
                            .values = {PQgetvalue(result, row, 0), PQgetvalue(result, row, 1)},
                            .count = 2};
    if (!u->is_dry) class = ask_number(u, &make, &is_made);
    if (class == WEIGATE_OK && is_made) tell(u, "make", PQgetvalue(result, row, 2), 1);
  }
  PQclear(result);
  return class;
}

/* The days' counts, before the rows they are made from may go; a transaction for each day, so that nobody waits in a ring. */
static int count_days(struct upkeep *u) {
  struct question wanted = {.sql = "SELECT day, app_no FROM weigate.rollup_wanted()", .doing = "look for days to count"};
  PGresult *days = NULL;
  int class = ask(u, &wanted, &days);
  int count = class == WEIGATE_OK ? PQntuples(days) : 0;
  for (int row = 0; class == WEIGATE_OK && !u->is_dry && row < count; row++) {
    struct question make = {.sql = "SELECT weigate.rollup_day($1::date, $2::smallint)",
                            .doing = "count a day",
                            .values = {PQgetvalue(days, row, 0), PQgetvalue(days, row, 1)},
                            .count = 2};
    PGresult *result = NULL;
    class = ask(u, &make, &result);
    PQclear(result);
  }
  if (class == WEIGATE_OK && count) tell(u, "count", "days", count);
  PQclear(days);
  return class;
}

static int refresh_mart(struct upkeep *u) {
  struct question question = {.sql = "SELECT weigate.mart_refresh()", .doing = "bring the analysts' counts up to date"};
  PGresult *result = NULL;
  int class = u->is_dry ? WEIGATE_OK : ask(u, &question, &result);
  if (result && !PQgetisnull(result, 0, 0)) tell(u, "count", "weigate_mart", 1);
  PQclear(result);
  return class;
}

/* What is past its time, row by row. */
struct expiry {
  const char *what;
  size_t keep; /* place of its option in store->keep_ms, or KEEP_NOTHING */
  const char *most;
  int64_t bite;
};

#define KEEP_NOTHING KEEP_COUNT

static int expire_kind(struct upkeep *u, const struct expiry *expiry, int64_t keep_ms) {
  char before[NUMBER_ROOM];
  int64_t count = expiry->bite, total = 0;
  struct question question = {
      .sql = "SELECT weigate.expire($1, timestamptz 'epoch' + $2::bigint * interval '1 microsecond',"
             " $3::integer, " LOCK_MS ")",
      .doing = "drop what is past its time",
      .values = {expiry->what, handle_number(u->handle->now_us - keep_ms * 1000, before), u->is_dry ? "0" : expiry->most},
      .count = 3};
  int class = WEIGATE_OK;
  while (class == WEIGATE_OK && count >= expiry->bite && handle_ms_left(u->handle) > 0) {
    class = ask_number(u, &question, &count);
    if (class == WEIGATE_OK) total += count;
    if (u->is_dry) break;
  }
  if (total) tell(u, "expire", expiry->what, total);
  return class;
}

static int expire_rows(struct upkeep *u) {
  static const struct expiry expiries[] = {
      {"tickets", KEEP_NOTHING, EXPIRE_ROWS, EXPIRE_MOST},
      {"tokens", KEEP_NOTHING, EXPIRE_ROWS, EXPIRE_MOST},
      {"people", KEEP_PEOPLE, ERASE_ROWS, 20},
      {"tombstones", KEEP_TOMBSTONES, EXPIRE_ROWS, EXPIRE_MOST},
      {"history", KEEP_HISTORY, EXPIRE_ROWS, EXPIRE_MOST},
      {"requests", KEEP_REQUESTS, EXPIRE_ROWS, EXPIRE_MOST},
      {"batches", KEEP_TOMBSTONES, EXPIRE_ROWS, EXPIRE_MOST},
  };
  int class = WEIGATE_OK;
  for (size_t i = 0; class == WEIGATE_OK && i < sizeof(expiries) / sizeof(expiries[0]); i++) {
    int64_t keep_ms = expiries[i].keep == KEEP_NOTHING ? 0 : u->handle->store->keep_ms[expiries[i].keep];
    if (expiries[i].keep == KEEP_NOTHING || keep_ms > 0) class = expire_kind(u, &expiries[i], keep_ms);
  }
  return class;
}

/* --- months that go --- */

/* A month's rows are never deleted one by one: it is taken off, which waits for readers and lets writers pass, and dropped. */
static int drop_partition(struct upkeep *u, const char *parent, const char *name, const char *state) {
  char sql[DDL_BYTES];
  struct question note = {
      .sql = "SELECT weigate.kept_from_set($1, $2)", .doing = "note which month goes", .values = {parent, name}, .count = 2};
  PGresult *result = NULL;
  int class = ask(u, &note, &result);
  PQclear(result);
  if (class == WEIGATE_OK && strcmp(state, "drop") != 0) {
    snprintf(sql, sizeof(sql), "ALTER TABLE weigate.%s DETACH PARTITION weigate.%s %s", parent, name,
             strcmp(state, "finalize") == 0 ? "FINALIZE" : "CONCURRENTLY");
    class = run(u, sql, "take a month off");
  }
  if (class != WEIGATE_OK) return class;
  snprintf(sql, sizeof(sql), "SET LOCAL lock_timeout = " LOCK_MS "; DROP TABLE weigate.%s", name);
  class = run(u, sql, "drop a month");
  u->has_dropped = u->has_dropped || class == WEIGATE_OK;
  return class;
}

static int check_owner(struct upkeep *u) {
  struct question question = {.sql = "SELECT pg_catalog.pg_has_role(relowner, 'USAGE')::integer FROM pg_catalog.pg_class WHERE "
                                     "oid = 'weigate.login_event'::regclass",
                              .doing = "look who owns the tables"};
  int64_t is_owner = 0;
  int class = ask_number(u, &question, &is_owner);
  if (class != WEIGATE_OK || is_owner) return class;
  snprintf(
      u->call->message, sizeof(u->call->message),
      "months are past their time, and only the owner of the tables can drop them: name a role that may in [plugin postgres] "
      "admin_dsn");
  return WEIGATE_CONFIG;
}

static int drop_months_of(struct upkeep *u, const char *parent, int64_t keep_ms) {
  char before[NUMBER_ROOM];
  struct question past = {.sql = "SELECT name, state, size_bytes FROM weigate.partitions_past($1, timestamptz 'epoch' + "
                                 "$2::bigint * interval '1 microsecond')",
                          .doing = "look for months that are past their time",
                          .values = {parent, handle_number(u->handle->now_us - keep_ms * 1000, before)},
                          .count = 2};
  PGresult *result = NULL;
  int class = ask(u, &past, &result);
  if (class == WEIGATE_OK && PQntuples(result) > 0 && !u->is_dry) class = check_owner(u);
  for (int row = 0; class == WEIGATE_OK && row < PQntuples(result); row++) {
    const char *name = PQgetvalue(result, row, 0);
    if (strlen(name) >= PARTITION_BYTES) continue; /* not one of ours */
    if (!u->is_dry) class = drop_partition(u, parent, name, PQgetvalue(result, row, 1));
    if (class == WEIGATE_OK) tell(u, "drop", name, record_number(result, row, 2));
  }
  PQclear(result);
  return class;
}

static int drop_months(struct upkeep *u) {
  static const struct expiry subjects = {"subjects", KEEP_NOTHING, EXPIRE_ROWS, EXPIRE_MOST};
  const int64_t *keep_ms = u->handle->store->keep_ms;
  int class = keep_ms[KEEP_EVENTS] ? drop_months_of(u, "login_event", keep_ms[KEEP_EVENTS]) : WEIGATE_OK;
  if (class == WEIGATE_OK && keep_ms[KEEP_USER_DAYS]) class = drop_months_of(u, "user_day", keep_ms[KEEP_USER_DAYS]);
  if (class == WEIGATE_OK && u->has_dropped) class = expire_kind(u, &subjects, 0);
  return class;
}

static int note(struct upkeep *u, const char *name, const char *value) {
  struct question question = {
      .sql = "SELECT weigate.meta_set($1, $2)", .doing = "note what was done", .values = {name, value}, .count = 2};
  PGresult *result = NULL;
  int class = ask(u, &question, &result);
  PQclear(result);
  return class;
}

/* When and under which retention, for whoever looks at the database. */
static int remember(struct upkeep *u) {
  char name[64], value[64];
  struct question question = {.sql = "SELECT weigate.meta_set('maintained_at', pg_catalog.now()::text)",
                              .doing = "note what was done"};
  PGresult *result = NULL;
  int class = u->is_dry ? WEIGATE_OK : ask(u, &question, &result);
  PQclear(result);
  for (size_t i = 0; class == WEIGATE_OK && !u->is_dry && i < KEEP_COUNT; i++) {
    snprintf(name, sizeof(name), "retention.%s", keep_names[i]);
    snprintf(value, sizeof(value), "%lld days", (long long)(u->handle->store->keep_ms[i] / DAY_MS));
    class = note(u, name, u->handle->store->keep_ms[i] ? value : "for ever");
  }
  return class;
}

/* --- all of it --- */

struct step {
  uint32_t work;
  int (*run)(struct upkeep *u);
};

static const struct step steps[] = {
    {WEIGATE_MAINTAIN_COMPACT, make_partitions}, {WEIGATE_MAINTAIN_COMPACT, count_days}, {WEIGATE_MAINTAIN_COMPACT, refresh_mart},
    {WEIGATE_MAINTAIN_EXPIRE, expire_rows},      {WEIGATE_MAINTAIN_EXPIRE, drop_months}, {WEIGATE_MAINTAIN_EXPIRE, remember},
};

static int maintain(struct weigate_handle *handle, struct weigate_call *call, uint32_t work, weigate_step_sink sink,
                    void *context) {
  struct upkeep u = {
      .handle = handle, .call = call, .sink = sink, .context = context, .is_dry = (work & WEIGATE_MAINTAIN_DRY_RUN) != 0};
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (work & ~(WEIGATE_MAINTAIN_EXPIRE | WEIGATE_MAINTAIN_COMPACT | WEIGATE_MAINTAIN_DRY_RUN))
    return handle_invalid(call, "maintain: unknown work");
  handle_become_admin(handle);
  class = u.is_dry ? WEIGATE_OK : take_lease(&u);
  bool has_lease = class == WEIGATE_OK && !u.is_dry;
  for (size_t i = 0; class == WEIGATE_OK && !u.is_enough && i < sizeof(steps) / sizeof(steps[0]); i++)
    if (work & steps[i].work) class = steps[i].run(&u);
  if (has_lease) give_lease_back(&u);
  handle_become_service(handle);
  return class;
}

int upkeep_maintain(struct weigate_handle *handle, struct weigate_call *call, uint32_t work) {
  if (work & WEIGATE_MAINTAIN_DRY_RUN) return handle_invalid(call, "maintain: unknown work");
  return maintain(handle, call, work, NULL, NULL);
}

const struct weigate_upkeep_v1 upkeep_extension = {
    .struct_size = sizeof(struct weigate_upkeep_v1), .maintain = maintain, .plan = schema_plan};
