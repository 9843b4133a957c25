/* SPDX-License-Identifier: Apache-2.0
 * care: health as the server tells it. Storage threads. */
#include <stdio.h>
#include <string.h>

#include "parts.h"
#include "record.h"
#include "schema.h"

/* Up to here people are counted; beyond, the planner's estimate is good enough. A text, for it is part of the statement. */
#define COUNT_MAX "10000"
/* Fewer partitions ahead than this are too few: maintenance makes three. */
#define PARTITIONS_LEAST 2

/* The cluster's identifier and its timeline, which a promotion or a restore to a moment changes. A standby has no timeline of its
 * own. */
static uint64_t server_number(const struct weigate_store *store, PGresult *result) {
  struct weigate_text name = record_text(result, 0, 4);
  uint8_t hash[32];
  uint64_t number;
  if (name.size == 0) return 0;
  store->host.digest(name.bytes, name.size, hash);
  memcpy(&number, hash, sizeof(number));
  return number;
}

static void judge(const struct weigate_store *store, PGresult *result, struct weigate_health *health) {
  bool is_read_only = record_number(result, 0, 2);
  int64_t ahead = record_number(result, 0, 3);
  health->people_estimate = (uint64_t)record_number(result, 0, 0);
  health->size_bytes = (uint64_t)record_number(result, 0, 1);
  health->schema_version = (uint32_t)schema_count;
  health->server = server_number(store, result);
  if (is_read_only) {
    health->state = WEIGATE_STATE_READ_ONLY;
    snprintf(health->text, sizeof(health->text), "the server takes no writes: it is a standby, or was set read-only");
  } else if (ahead < PARTITIONS_LEAST) {
    health->state = WEIGATE_DEGRADED;
    snprintf(health->text, sizeof(health->text), "only %d months of partitions are ahead; maintenance makes three", (int)ahead);
  } else {
    snprintf(health->text, sizeof(health->text), "up");
  }
}

int care_health(struct weigate_handle *handle, struct weigate_call *call, struct weigate_health *ret_health) {
  struct question question = {
      .sql =
          "SELECT CASE WHEN c.reltuples < " COUNT_MAX
          " THEN (SELECT pg_catalog.count(*) FROM (SELECT FROM weigate.profile LIMIT " COUNT_MAX ") f)"
          " ELSE c.reltuples::bigint END, pg_catalog.pg_database_size(pg_catalog.current_database()),"
          " (pg_catalog.current_setting('transaction_read_only') = 'on')::integer,"
          " weigate.partitions_ready(),"
          " CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN (SELECT system_identifier FROM pg_catalog.pg_control_system()) ||"
          " ':' || left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END"
          " FROM pg_catalog.pg_class c WHERE c.oid = 'weigate.profile'::regclass",
      .doing = "ask for health"};
  PGresult *result = NULL;
  int class = handle_enter(handle, call);
  if (class == WEIGATE_OK) class = handle_ask(handle, call, &question, &result);
  if (class != WEIGATE_OK) return class;
  struct weigate_health health = {.state = WEIGATE_UP};
  judge(handle->store, result, &health);
  PQclear(result);
  uint32_t size = ret_health->struct_size < sizeof(health) ? ret_health->struct_size : sizeof(health);
  health.struct_size = ret_health->struct_size;
  memcpy(ret_health, &health, size);
  return WEIGATE_OK;
}
