/* SPDX-License-Identifier: Apache-2.0
 * signins: a batch of finished sign-ins as three JSON parameters of one function. Storage threads. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../common/check.h"
#include "parts.h"
#include "record.h"

/* All months of a batch are made at once; a second time, should maintenance drop one in between. */
#define PARTITION_TRIES 2

/* Days around 1970 that a date of the server can hold, with room to spare: some 2,700 years. One odd day must not spoil its
 * batch. */
#define DAY_MAX 1000000

static const char *check_day(const struct weigate_event *event) {
  return event->event_day < -DAY_MAX || event->event_day > DAY_MAX ? "event_day" : NULL;
}

static const char *check_item(const struct weigate_signin *item, struct weigate_person *person, struct weigate_event *event,
                              struct weigate_ticket *ticket, int64_t now_us) {
  const char *bad = NULL;
  if (item->person) {
    *person = check_copy_person(item->person);
    bad = check_person(person, now_us);
  }
  if (!bad && item->event) {
    *event = check_copy_event(item->event);
    bad = check_event(event, now_us);
    if (!bad) bad = check_day(event);
  }
  if (!bad && item->ticket) {
    *ticket = check_copy_ticket(item->ticket);
    bad = check_ticket(ticket);
  }
  if (!bad && item->person && item->event && event->flags & WEIGATE_EVENT_SNAPSHOT) bad = "person";
  return bad;
}

static struct weigate_signin item_at(const struct weigate_signins *batch, size_t index) {
  return check_copy_signin((const void *)((const char *)batch->items + index * batch->stride));
}

static void write_items(struct weigate_handle *handle, const struct weigate_signins *batch, struct weigate_result *results) {
  const struct weigate_host *host = &handle->store->host;
  json_open(&handle->people);
  json_open(&handle->events);
  json_open(&handle->tickets);
  for (size_t i = 0; i < batch->count; i++) {
    struct weigate_signin item = item_at(batch, i);
    struct weigate_person person;
    struct weigate_event event;
    struct weigate_ticket ticket;
    const char *bad = check_item(&item, &person, &event, &ticket, handle->now_us);
    check_set_result(results, i, bad ? WEIGATE_ITEM_REJECTED : WEIGATE_ITEM_UPDATED, bad);
    if (bad) continue;
    if (item.person) record_add_person(&handle->people, host, i, &person);
    if (item.event) record_add_event(&handle->events, host, i, &event);
    if (item.ticket) record_add_ticket(&handle->tickets, i, &ticket);
  }
  json_close(&handle->people);
  json_close(&handle->events);
  json_close(&handle->tickets);
}

static int record_once(struct weigate_handle *handle, struct weigate_call *call, size_t count, struct weigate_result *results) {
  char count_room[NUMBER_ROOM], lock_room[NUMBER_ROOM];
  struct question question = {.sql = "SELECT weigate.record_signins($1::jsonb, $2::jsonb, $3::jsonb, $4::integer, $5::integer)",
                              .doing = "record sign-ins",
                              .values = {handle->people.bytes, handle->events.bytes, handle->tickets.bytes,
                                         handle_number((int64_t)count, count_room),
                                         handle_number((int64_t)handle_ms_left(handle), lock_room)},
                              .count = 5,
                              .is_write = true};
  PGresult *result = NULL;
  int class = handle_ask(handle, call, &question, &result);
  if (class != WEIGATE_OK) return class;
  bool is_good = PQntuples(result) == 1 && record_read_outcomes(PQgetvalue(result, 0, 0), results, count);
  PQclear(result);
  if (is_good) return WEIGATE_OK;
  snprintf(call->message, sizeof(call->message), "record_signins answered something unreadable; are the functions ours?");
  return WEIGATE_OUTCOME_UNKNOWN;
}

/* The months of the events, in a transaction of its own. */
static int make_partitions(struct weigate_handle *handle, struct weigate_call *call) {
  struct question question = {.sql = "SELECT weigate.partitions_for($1::jsonb)",
                              .doing = "make a partition",
                              .values = {handle->events.bytes},
                              .count = 1};
  PGresult *result = NULL;
  int class = handle_ask(handle, call, &question, &result);
  if (class == WEIGATE_OK) PQclear(result);
  return class;
}

static int record_batch(struct weigate_handle *handle, struct weigate_call *call, size_t count, struct weigate_result *results) {
  int class = record_once(handle, call, count, results);
  for (int i = 0; i < PARTITION_TRIES && class != WEIGATE_OK && handle->is_partition_missing; i++) {
    handle->is_partition_missing = false;
    class = make_partitions(handle, call);
    if (class == WEIGATE_OK) class = record_once(handle, call, count, results);
  }
  if (class == WEIGATE_OK) call->native[0] = call->message[0] = '\0';
  return class;
}

int signins_record(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                   struct weigate_result *results) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(batch->stride, batch->count, sizeof(struct weigate_signin)))
    return handle_invalid(call, "record_signins: count or stride");
  if (batch->count == 0) return WEIGATE_OK;
  write_items(handle, batch, results);
  if (handle->people.failed || handle->events.failed || handle->tickets.failed)
    class = handle_no_memory(call);
  else
    class = record_batch(handle, call, batch->count, results);
  text_wipe(&handle->people, &handle->store->host);
  text_wipe(&handle->events, &handle->store->host);
  text_wipe(&handle->tickets, &handle->store->host);
  return class;
}
