/* SPDX-License-Identifier: Apache-2.0
 * faulty: a plugin that fails, delays, hangs and forgets on request; people and tickets live in the test's memory. */
#include "faulty.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weigate/storage.h>

struct weigate_store {
  struct faulty_control *control;
};

struct weigate_handle {
  struct faulty_control *control;
};

static struct faulty_step next_step(struct faulty_control *control, enum faulty_call which) {
  struct faulty_step step = {WEIGATE_OK, 0};
  if (control->step_next[which] < control->step_count[which]) step = control->steps[which][control->step_next[which]++];
  control->calls[which]++;
  if (step.flags & FAULTY_HANGS) {
    control->hanging++;
    pthread_cond_broadcast(&control->changed);
    while (!control->released) pthread_cond_wait(&control->changed, &control->lock);
    control->released--;
    control->hanging--;
  }
  pthread_cond_broadcast(&control->changed);
  return step;
}

static int fail(struct weigate_call *call, int class) {
  if (class != WEIGATE_OK) snprintf(call->message, sizeof(call->message), "as the test asked (%d)", class);
  return class;
}

static struct faulty_record *find(struct faulty_control *control, const char *key) {
  for (size_t i = 0; i < control->record_count; i++)
    if (strcmp(control->records[i].key, key) == 0) return &control->records[i];
  return NULL;
}

static struct faulty_record *put(struct faulty_control *control, const char *key, struct weigate_text value) {
  struct faulty_record *record = find(control, key);
  if (!record) {
    record = &control->records[control->record_count++];
    snprintf(record->key, sizeof(record->key), "%s", key);
  }
  snprintf(record->value, sizeof(record->value), "%.*s", (int)value.size, value.size ? value.bytes : "");
  record->writes++;
  return record;
}

static void make_ticket_key(char key[80], const struct weigate_ticket *ticket) {
  snprintf(key, 80, "%.*s:%.*s", (int)ticket->kind.size, ticket->kind.bytes, (int)ticket->key.size, ticket->key.bytes);
}

/* --- calls --- */

static int open_store(const struct weigate_host *host, const struct weigate_value *values, struct weigate_call *call,
                      struct weigate_store **ret_store) {
  (void)host, (void)call;
  struct weigate_store *store = calloc(1, sizeof(*store));
  if (!store) return WEIGATE_FAILED;
  store->control = (struct faulty_control *)(uintptr_t)values[0].number;
  *ret_store = store;
  return WEIGATE_OK;
}

static int connect_store(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle) {
  struct faulty_control *control = store->control;
  pthread_mutex_lock(&control->lock);
  int class = next_step(control, FAULTY_CONNECT).class;
  if (class == WEIGATE_OK) control->open_handles++;
  pthread_mutex_unlock(&control->lock);
  if (class != WEIGATE_OK) return fail(call, class);
  struct weigate_handle *handle = calloc(1, sizeof(*handle));
  if (!handle) return WEIGATE_FAILED;
  handle->control = control;
  *ret_handle = handle;
  return WEIGATE_OK;
}

static bool is_poisoned(const struct faulty_control *control, const struct weigate_signins *batch) {
  for (size_t i = 0; control->poison && i < batch->count; i++) {
    if (!batch->items[i].person) continue;
    struct weigate_text openid = batch->items[i].person->openid;
    if (openid.size == strlen(control->poison) && memcmp(openid.bytes, control->poison, openid.size) == 0) return true;
  }
  return false;
}

static int record_signins(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                          struct weigate_result *results) {
  struct faulty_control *control = handle->control;
  pthread_mutex_lock(&control->lock);
  struct faulty_step step = next_step(control, FAULTY_WRITE);
  if (batch->count > control->largest_batch) control->largest_batch = batch->count;
  if (step.class == WEIGATE_OK && is_poisoned(control, batch)) step.class = WEIGATE_FAILED;
  for (size_t i = 0; i < batch->count && (step.class == WEIGATE_OK || step.flags & FAULTY_DOES_IT); i++) {
    char key[80];
    const struct weigate_person *person = batch->items[i].person;
    if (!person) {
      results[i].outcome = WEIGATE_ITEM_NEW;
      continue;
    }
    snprintf(key, sizeof(key), "%.*s", (int)person->openid.size, person->openid.bytes);
    results[i].outcome = find(control, key) ? WEIGATE_ITEM_DUPLICATE : WEIGATE_ITEM_NEW;
    put(control, key, person->nickname);
  }
  pthread_mutex_unlock(&control->lock);
  return fail(call, step.class);
}

static int load_people(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys, uint32_t want,
                       weigate_person_sink sink, void *context) {
  (void)want;
  struct faulty_control *control = handle->control;
  pthread_mutex_lock(&control->lock);
  struct faulty_step step = next_step(control, FAULTY_READ);
  for (size_t i = 0; i < keys->count && step.class == WEIGATE_OK; i++) {
    char key[80];
    snprintf(key, sizeof(key), "%.*s", (int)keys->items[i].openid.size, keys->items[i].openid.bytes);
    const struct faulty_record *record = find(control, key);
    struct weigate_person person = {
        .struct_size = sizeof(person), .appid = keys->items[i].appid, .openid = keys->items[i].openid};
    if (record) person.nickname = (struct weigate_text){record->value, strlen(record->value)};
    sink(context, i, record ? &person : NULL);
  }
  pthread_mutex_unlock(&control->lock);
  return fail(call, step.class);
}

static int unsupported_merge(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_people *batch,
                             struct weigate_result *results) {
  (void)handle, (void)batch, (void)results;
  return fail(call, WEIGATE_UNSUPPORTED);
}

static int unsupported_erase(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys,
                             const struct weigate_stamp *stamp, struct weigate_result *results) {
  (void)handle, (void)keys, (void)stamp, (void)results;
  return fail(call, WEIGATE_UNSUPPORTED);
}

static int unsupported_people(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan,
                              weigate_person_sink sink, void *context) {
  (void)handle, (void)scan, (void)sink, (void)context;
  return fail(call, WEIGATE_UNSUPPORTED);
}

static int unsupported_events(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan,
                              weigate_event_sink sink, void *context) {
  (void)handle, (void)scan, (void)sink, (void)context;
  return fail(call, WEIGATE_UNSUPPORTED);
}

static int health(struct weigate_handle *handle, struct weigate_call *call, struct weigate_health *ret_health) {
  struct faulty_control *control = handle->control;
  pthread_mutex_lock(&control->lock);
  int class = next_step(control, FAULTY_HEALTH).class;
  ret_health->state = WEIGATE_UP;
  ret_health->people_estimate = control->record_count;
  ret_health->server = control->server;
  pthread_mutex_unlock(&control->lock);
  return fail(call, class);
}

static int maintain(struct weigate_handle *handle, struct weigate_call *call, uint32_t work) {
  (void)handle, (void)call, (void)work;
  return WEIGATE_OK;
}

static void disconnect(struct weigate_handle *handle) {
  pthread_mutex_lock(&handle->control->lock);
  handle->control->open_handles--;
  pthread_mutex_unlock(&handle->control->lock);
  free(handle);
}

static void close_store(struct weigate_store *store) {
  free(store);
}

/* --- tickets --- */

static int claim(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
                 struct weigate_result *results, weigate_ticket_sink sink, void *context) {
  struct faulty_control *control = handle->control;
  pthread_mutex_lock(&control->lock);
  struct faulty_step step = next_step(control, FAULTY_WRITE);
  for (size_t i = 0; i < batch->count && (step.class == WEIGATE_OK || step.flags & FAULTY_DOES_IT); i++) {
    char key[80];
    make_ticket_key(key, &batch->items[i]);
    const struct faulty_record *there = find(control, key);
    if (!there) {
      results[i].outcome = WEIGATE_ITEM_NEW;
      put(control, key, batch->items[i].value);
      continue;
    }
    struct weigate_ticket found = batch->items[i];
    found.value = (struct weigate_text){there->value, strlen(there->value)};
    bool is_same = found.value.size == batch->items[i].value.size &&
                   memcmp(found.value.bytes, batch->items[i].value.bytes, found.value.size) == 0;
    results[i].outcome = is_same ? WEIGATE_ITEM_DUPLICATE : WEIGATE_ITEM_TAKEN;
    if (sink) sink(context, i, &found);
  }
  pthread_mutex_unlock(&control->lock);
  return fail(call, step.class);
}

static int put_tickets(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
                       struct weigate_result *results) {
  struct faulty_control *control = handle->control;
  pthread_mutex_lock(&control->lock);
  struct faulty_step step = next_step(control, FAULTY_WRITE);
  for (size_t i = 0; i < batch->count && step.class == WEIGATE_OK; i++) {
    char key[80];
    make_ticket_key(key, &batch->items[i]);
    results[i].outcome = find(control, key) ? WEIGATE_ITEM_UPDATED : WEIGATE_ITEM_NEW;
    put(control, key, batch->items[i].value);
  }
  pthread_mutex_unlock(&control->lock);
  return fail(call, step.class);
}

/* The host's look whether a copy was left half way, which comes when it likes, takes no step of the script. */
static bool is_about_a_copy(const struct weigate_tickets *keys) {
  return keys->count == 1 && keys->items[0].kind.size == 4 && memcmp(keys->items[0].kind.bytes, "copy", 4) == 0;
}

static int get_tickets(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *keys,
                       weigate_ticket_sink sink, void *context) {
  if (is_about_a_copy(keys)) return WEIGATE_OK;
  static char long_value[WEIGATE_TICKET_VALUE_MAX + 1];
  struct faulty_control *control = handle->control;
  pthread_mutex_lock(&control->lock);
  struct faulty_step step = next_step(control, FAULTY_READ);
  for (size_t i = 0; i < keys->count && step.class == WEIGATE_OK; i++) {
    char key[80];
    make_ticket_key(key, &keys->items[i]);
    const struct faulty_record *there = find(control, key);
    struct weigate_ticket found = keys->items[i];
    if (there) found.value = (struct weigate_text){there->value, strlen(there->value)};
    if (step.flags & FAULTY_TOO_LONG) found.value = (struct weigate_text){long_value, sizeof(long_value)};
    sink(context, i, there ? &found : NULL);
  }
  pthread_mutex_unlock(&control->lock);
  return fail(call, step.class);
}

/* Takes, but never gives the ticket up: enough for what a host does when the outcome is unknown. */
static int take_tickets(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *keys,
                        weigate_ticket_sink sink, void *context) {
  (void)keys, (void)sink, (void)context;
  struct faulty_control *control = handle->control;
  pthread_mutex_lock(&control->lock);
  struct faulty_step step = next_step(control, FAULTY_WRITE);
  pthread_mutex_unlock(&control->lock);
  return fail(call, step.class);
}

static int scan_tickets(struct weigate_handle *handle, struct weigate_call *call, struct weigate_text kind, uint64_t *cursor,
                        uint32_t limit, weigate_ticket_sink sink, void *context) {
  (void)handle, (void)kind, (void)cursor, (void)limit, (void)sink, (void)context;
  return fail(call, WEIGATE_OK);
}

static const struct weigate_tickets_v1 tickets = {.struct_size = sizeof(tickets),
                                                  .claim = claim,
                                                  .put = put_tickets,
                                                  .get = get_tickets,
                                                  .take = take_tickets,
                                                  .scan = scan_tickets};

static const void *find_extension(const char *id) {
  return strcmp(id, WEIGATE_TICKETS_V1) == 0 ? &tickets : NULL;
}

static const struct weigate_option options[] = {
    {.struct_size = sizeof(struct weigate_option),
     .type = WEIGATE_TYPE_INT,
     .flags = WEIGATE_OPTION_REQUIRED,
     .name = "control",
     .min = 1,
     .max = INT64_MAX,
     .help = "Address of the test's struct faulty_control."},
};

static const struct weigate_storage_plugin plugin = {
    .magic = WEIGATE_STORAGE_MAGIC,
    .struct_size = sizeof(struct weigate_storage_plugin),
    .abi_major = WEIGATE_STORAGE_ABI_MAJOR,
    .abi_minor = WEIGATE_STORAGE_ABI_MINOR,
    .name = "faulty",
    .version = "1",
    .summary = "Fails on request.",
    .options = options,
    .option_count = 1,
    .option_stride = sizeof(options[0]),
    .durability = WEIGATE_DURABLE_PROCESS,
    .writers_max = 1,
    .open = open_store,
    .connect = connect_store,
    .record_signins = record_signins,
    .merge_people = unsupported_merge,
    .load_people = load_people,
    .erase_people = unsupported_erase,
    .scan_people = unsupported_people,
    .scan_events = unsupported_events,
    .health = health,
    .maintain = maintain,
    .disconnect = disconnect,
    .close = close_store,
    .extension = find_extension,
};

const struct weigate_storage_plugin *weigate_storage_plugin_v1(const struct weigate_host *host) {
  (void)host;
  return &plugin;
}
