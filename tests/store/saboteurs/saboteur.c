/* SPDX-License-Identifier: Apache-2.0
 * saboteur: the template plugin with one promise broken: the function that -DSABOTEUR names changes the good description.
 * list.txt says what each does wrong and which check must catch it. */
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <weigate/storage.h>

/* The template's own entry, under another name. */
const struct weigate_storage_plugin *good_plugin(const struct weigate_host *host);

static const struct weigate_storage_plugin *good;
static const struct weigate_host *the_host;
static struct weigate_storage_plugin bad;
static struct weigate_tickets_v1 bad_tickets;
static const struct weigate_tickets_v1 *good_tickets;

/* A saboteur of list.txt, and what it changes. */
#define BREAKS(name, ...)                                                                                                        \
  static void name(void) {                                                                                                       \
    __VA_ARGS__;                                                                                                                 \
  }

/* --- sign-ins that are changed on their way in --- */

static struct weigate_signin items[WEIGATE_BATCH_MAX];
static struct weigate_person people[WEIGATE_BATCH_MAX];
static struct weigate_event events[WEIGATE_BATCH_MAX];
static void (*change_person)(struct weigate_handle *handle, struct weigate_person *person);
static void (*change_event)(struct weigate_event *event);

static int record_changed(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                          struct weigate_result *results) {
  if (batch->count > WEIGATE_BATCH_MAX || batch->stride != sizeof(items[0]))
    return good->record_signins(handle, call, batch, results);
  for (size_t i = 0; i < batch->count; i++) {
    items[i] = batch->items[i];
    if (items[i].person && change_person) {
      people[i] = *items[i].person;
      items[i].person = &people[i];
      change_person(handle, &people[i]);
    }
    if (items[i].event && change_event) {
      events[i] = *items[i].event;
      items[i].event = &events[i];
      change_event(&events[i]);
    }
  }
  struct weigate_signins changed = *batch;
  changed.items = items;
  return good->record_signins(handle, call, &changed, results);
}

static int merge_changed(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_people *batch,
                         struct weigate_result *results) {
  if (batch->count > WEIGATE_BATCH_MAX || batch->stride != sizeof(people[0]))
    return good->merge_people(handle, call, batch, results);
  for (size_t i = 0; i < batch->count; i++) {
    people[i] = batch->items[i];
    if (change_person) change_person(handle, &people[i]);
  }
  struct weigate_people changed = *batch;
  changed.items = people;
  return good->merge_people(handle, call, &changed, results);
}

static void change_writes(void (*person)(struct weigate_handle *, struct weigate_person *),
                          void (*event)(struct weigate_event *)) {
  change_person = person;
  change_event = event;
  bad.record_signins = record_changed;
  bad.merge_people = merge_changed;
}

/* Times of what is stored under the key of a write; zeros for nobody. */
struct stored {
  int64_t first_seen_us, newest_us;
};

static int keep_times(void *context, size_t index, const struct weigate_person *person) {
  struct stored *stored = context;
  (void)index;
  if (!person) return 0;
  const struct weigate_stamp stamps[] = {person->profile_stamp, person->scope_stamp,  person->unionid_stamp,
                                         person->sex_stamp,     person->region_stamp, person->token_stamp};
  stored->first_seen_us = person->first_seen_us;
  for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++)
    if (stamps[i].at_us > stored->newest_us) stored->newest_us = stamps[i].at_us;
  return 0;
}

static struct stored find_times(struct weigate_handle *handle, const struct weigate_person *person) {
  struct stored stored = {0, 0};
  struct weigate_call call = {.struct_size = sizeof(call), .timeout_ms = 1000};
  struct weigate_key key = {.struct_size = sizeof(key), .appid = person->appid, .openid = person->openid};
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(key), .count = 1, .items = &key};
  good->load_people(handle, &call, &keys, WEIGATE_WANT_TOKEN, keep_times, &stored);
  return stored;
}

static void compare_whole_record(struct weigate_handle *handle, struct weigate_person *person) {
  if (person->profile_stamp.at_us < find_times(handle, person).newest_us) person->has = 0;
}
BREAKS(row_level_timestamp, change_writes(compare_whole_record, NULL))

static void keep_first_seen(struct weigate_handle *handle, struct weigate_person *person) {
  int64_t first_us = find_times(handle, person).first_seen_us;
  if (first_us > person->first_seen_us) person->first_seen_us = first_us;
}
BREAKS(lost_minimum, change_writes(keep_first_seen, NULL))

static void make_event_new(struct weigate_event *event) {
  static uint8_t number;
  event->event_id[15] = ++number;
}
BREAKS(counts_replays, change_writes(NULL, make_event_new))

static void lose_some(struct weigate_handle *handle, struct weigate_person *person) {
  static unsigned number;
  (void)handle;
  if (++number % 1000 == 0) person->openid = (struct weigate_text){"lost", 4};
}
BREAKS(drops_every_thousandth, change_writes(lose_some, NULL))

static void fold_openid(struct weigate_handle *handle, struct weigate_person *person) {
  static char rooms[WEIGATE_BATCH_MAX][WEIGATE_OPENID_MAX];
  static size_t next;
  char *room = rooms[next++ % WEIGATE_BATCH_MAX];
  (void)handle;
  if (person->openid.size > WEIGATE_OPENID_MAX) return;
  for (size_t i = 0; i < person->openid.size; i++) room[i] = (char)tolower((unsigned char)person->openid.bytes[i]);
  person->openid.bytes = room;
}
BREAKS(folds_case, change_writes(fold_openid, NULL))

static void cut_nickname(struct weigate_handle *handle, struct weigate_person *person) {
  (void)handle;
  if (person->nickname.size > WEIGATE_NICKNAME_MAX) person->nickname.size = WEIGATE_NICKNAME_MAX;
}
BREAKS(cuts_long_text, change_writes(cut_nickname, NULL))

static void log_nickname(struct weigate_handle *handle, struct weigate_person *person) {
  char line[200];
  (void)handle;
  snprintf(line, sizeof(line), "%.*s signs in", person->nickname.size < 100 ? (int)person->nickname.size : 100,
           person->nickname.size ? person->nickname.bytes : "");
  the_host->log(WEIGATE_LOG_DEBUG, line);
}
BREAKS(prints_a_nickname, change_writes(log_nickname, NULL))

static void print_something(struct weigate_handle *handle, struct weigate_person *person) {
  (void)handle, (void)person;
  printf("one more\n");
  fflush(stdout);
}
BREAKS(writes_to_stdout, change_writes(print_something, NULL))

static void believe_snapshot(struct weigate_event *event) {
  event->flags &= ~WEIGATE_EVENT_SNAPSHOT;
}
BREAKS(snapshot_merged, change_writes(NULL, believe_snapshot))

/* --- batches --- */

static int merge_one_by_one(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_people *batch,
                            struct weigate_result *results) {
  for (size_t i = 0; i < batch->count; i++) {
    struct weigate_people one = *batch;
    one.count = 1;
    one.items = (const void *)((const char *)batch->items + i * batch->stride);
    int class = good->merge_people(handle, call, &one, (void *)((char *)results + i * results->struct_size));
    if (class != WEIGATE_OK) return class;
  }
  return WEIGATE_OK;
}
BREAKS(half_a_batch, bad.merge_people = merge_one_by_one)

static int record_by_sizeof(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                            struct weigate_result *results) {
  struct weigate_signins wrong = *batch;
  if (wrong.stride > sizeof(struct weigate_signin)) wrong.stride = sizeof(struct weigate_signin);
  wrong.count = batch->count > 1 ? 1 : batch->count; /* the second would be read out of the middle of the first */
  return good->record_signins(handle, call, &wrong, results);
}
BREAKS(ignores_stride, bad.record_signins = record_by_sizeof)

/* A person and an event, copied with their texts. */
static struct pending {
  int is_there;
  struct weigate_handle *handle;
  struct weigate_person person;
  struct weigate_event event;
  char texts[65536];
  size_t used;
} pending;

static void keep_text(struct weigate_text *text) {
  char *to = pending.texts + pending.used;
  if (text->size > sizeof(pending.texts) - pending.used) text->size = 0;
  if (text->size) memcpy(to, text->bytes, text->size);
  text->bytes = to;
  pending.used += text->size;
}

static void write_pending(void) {
  struct weigate_call call = {.struct_size = sizeof(call), .timeout_ms = 1000};
  struct weigate_result result = {.struct_size = sizeof(result)};
  struct weigate_signin item = {.struct_size = sizeof(item), .person = &pending.person, .event = &pending.event};
  struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(item), .count = 1, .items = &item};
  if (pending.is_there) good->record_signins(pending.handle, &call, &batch, &result);
  pending.is_there = 0;
}

static int record_later(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                        struct weigate_result *results) {
  write_pending();
  if (batch->count != 1 || !batch->items->person || !batch->items->event)
    return good->record_signins(handle, call, batch, results);
  pending.used = 0;
  pending.person = *batch->items->person;
  pending.event = *batch->items->event;
  struct weigate_person *p = &pending.person;
  struct weigate_event *e = &pending.event;
  struct weigate_text *const texts[] = {&p->appid,   &p->openid, &p->nickname,    &p->headimgurl, &p->privilege, &p->language,
                                        &p->raw,     &p->scope,  &p->unionid,     &p->province,   &p->city,      &p->country,
                                        &e->appid,   &e->openid, &e->outcome,     &e->stage,      &e->scope,     &e->channel,
                                        &e->network, &e->node,   &p->token_sealed};
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) keep_text(texts[i]);
  pending.handle = handle;
  pending.is_there = 1;
  results->outcome = WEIGATE_ITEM_NEW;
  return WEIGATE_OK;
}

static void disconnect_later(struct weigate_handle *handle) {
  write_pending();
  good->disconnect(handle);
}
BREAKS(ok_before_commit, bad.record_signins = record_later, bad.disconnect = disconnect_later)

static int record_for_ever(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                           struct weigate_result *results) {
  call->timeout_ms = 3600000;
  return good->record_signins(handle, call, batch, results);
}
BREAKS(ignores_its_timeout, bad.record_signins = record_for_ever)

static int record_somehow(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                          struct weigate_result *results) {
  int class = good->record_signins(handle, call, batch, results);
  return class == WEIGATE_FULL ? WEIGATE_OK : class;
}
BREAKS(full_is_ok, bad.record_signins = record_somehow)

/* --- reading --- */

struct relay {
  weigate_person_sink sink;
  void *context;
  size_t count, skip;
};

static int answer_backwards(void *context, size_t index, const struct weigate_person *person) {
  struct relay *relay = context;
  return relay->sink(relay->context, relay->count - 1 - index, person);
}

static int load_backwards(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys,
                          uint32_t want, weigate_person_sink sink, void *context) {
  struct relay relay = {sink, context, keys->count, 0};
  return good->load_people(handle, call, keys, want, answer_backwards, &relay);
}
BREAKS(answers_for_the_wrong_key, bad.load_people = load_backwards)

static char path[4096];

static int open_and_remember(const struct weigate_host *host, const struct weigate_value *values, struct weigate_call *call,
                             struct weigate_store **ret_store) {
  snprintf(path, sizeof(path), "%s", values[0].text);
  return good->open(host, values, call, ret_store);
}

static int connect_or_begin_anew(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle) {
  int class = good->connect(store, call, ret_handle);
  return class == WEIGATE_CORRUPT && truncate(path, 0) == 0 ? good->connect(store, call, ret_handle) : class;
}
BREAKS(corrupt_is_empty, bad.open = open_and_remember, bad.connect = connect_or_begin_anew)

static size_t erased_since_scan;

static int erase_and_remember(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys,
                              const struct weigate_stamp *stamp, struct weigate_result *results) {
  erased_since_scan++;
  return good->erase_people(handle, call, keys, stamp, results);
}

static int skip_first(void *context, size_t index, const struct weigate_person *person) {
  struct relay *relay = context;
  if (relay->skip > 0) {
    relay->skip--;
    return 0;
  }
  return relay->sink(relay->context, index, person);
}

static int scan_and_skip(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan,
                         weigate_person_sink sink, void *context) {
  struct relay relay = {sink, context, 0, erased_since_scan};
  erased_since_scan = 0;
  return good->scan_people(handle, call, scan, skip_first, &relay);
}
BREAKS(scan_skips_after_a_deletion, bad.erase_people = erase_and_remember, bad.scan_people = scan_and_skip)

static int scan_with_tokens(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan,
                            weigate_person_sink sink, void *context) {
  scan->want |= WEIGATE_WANT_TOKEN;
  return good->scan_people(handle, call, scan, sink, context);
}
BREAKS(token_in_scan, bad.scan_people = scan_with_tokens)

/* The cursor itself stays here; the host gets the number of its opening. */
static struct weigate_scan last_scan;

static int scan_from_memory(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan,
                            weigate_person_sink sink, void *context) {
  if (scan->cursor_size == 1 && last_scan.cursor_size == 0) scan->cursor_size = 0;
  if (scan->cursor_size == 1) {
    memcpy(scan->cursor, last_scan.cursor, sizeof(scan->cursor));
    scan->cursor_size = last_scan.cursor_size;
  }
  int class = good->scan_people(handle, call, scan, sink, context);
  last_scan = *scan;
  if (scan->cursor_size) scan->cursor_size = 1;
  return class;
}

static void close_and_forget(struct weigate_store *store) {
  last_scan.cursor_size = 0;
  good->close(store);
}
BREAKS(cursor_of_one_process, bad.scan_people = scan_from_memory, bad.close = close_and_forget)

static int record_the_erased(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                             struct weigate_result *results) {
  int class = good->record_signins(handle, call, batch, results);
  if (class != WEIGATE_OK || batch->count != 1 || results->outcome != WEIGATE_ITEM_ERASED) return class;
  struct weigate_person person = *batch->items->person;
  struct weigate_signin item = *batch->items;
  struct weigate_signins again = *batch;
  person.profile_stamp.at_us = person.last_seen_us = the_host->now_us();
  item.person = &person;
  again.items = &item;
  return good->record_signins(handle, call, &again, results);
}
BREAKS(tombstone_ignored, bad.record_signins = record_the_erased)

/* --- tickets --- */

static const void *find_bad_tickets(const char *id) {
  return strcmp(id, WEIGATE_TICKETS_V1) == 0 ? &bad_tickets : NULL;
}

static int claim_for_a_year(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
                            struct weigate_result *results, weigate_ticket_sink sink, void *context) {
  struct weigate_ticket ticket = *batch->items;
  struct weigate_tickets changed = *batch;
  ticket.expires_at_us += INT64_C(31536000000000);
  changed.items = &ticket;
  return good_tickets->claim(handle, call, batch->count == 1 ? &changed : batch, results, sink, context);
}
BREAKS(expired_ticket_still_claims, bad_tickets.claim = claim_for_a_year)

static int note_found(void *context, size_t index, const struct weigate_ticket *found) {
  (void)index;
  *(int *)context = found != NULL;
  return 0;
}

static int look_then_claim(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
                           struct weigate_result *results, weigate_ticket_sink sink, void *context) {
  int is_there = 0;
  if (batch->count != 1) return good_tickets->claim(handle, call, batch, results, sink, context);
  int class = good_tickets->get(handle, call, batch, note_found, &is_there);
  if (class != WEIGATE_OK) return class;
  poll(NULL, 0, 3);
  if (is_there) return good_tickets->claim(handle, call, batch, results, sink, context);
  class = good_tickets->put(handle, call, batch, results);
  results->outcome = WEIGATE_ITEM_NEW;
  return class;
}
BREAKS(claim_not_atomic, bad_tickets.claim = look_then_claim)

BREAKS(ticket_taken_twice, bad_tickets.take = good_tickets->get)

static const void *know_everything(const char *id) {
  (void)id;
  return &bad_tickets;
}
BREAKS(unknown_extension, bad.extension = know_everything)

/* --- manners --- */

static int connect_and_leak(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle) {
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  (void)fd;
  return good->connect(store, call, ret_handle);
}
BREAKS(leaks_a_descriptor, bad.connect = connect_and_leak)

/* P11 */
static void *wait_for_ever(void *arg) {
  (void)arg;
  for (;;) poll(NULL, 0, -1);
  return NULL;
}
static int connect_and_start(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, wait_for_ever, NULL) == 0) pthread_detach(thread);
  return good->connect(store, call, ret_handle);
}
BREAKS(leaves_a_thread, bad.connect = connect_and_start)

static int for_everybody = -1;

static int connect_for_everybody(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle) {
  if (for_everybody < 0) for_everybody = open("/dev/null", O_RDONLY);
  return good->connect(store, call, ret_handle);
}
static void disconnect_from_everybody(struct weigate_handle *handle) {
  if (for_everybody >= 0) close(for_everybody);
  for_everybody = -1;
  good->disconnect(handle);
}
BREAKS(descriptor_without_cloexec, bad.connect = connect_for_everybody, bad.disconnect = disconnect_from_everybody)

static int connect_with_umask(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle) {
  umask(0111);
  return good->connect(store, call, ret_handle);
}
BREAKS(changes_umask, bad.connect = connect_with_umask)

static int maintain_or_exit(struct weigate_handle *handle, struct weigate_call *call, uint32_t work) {
  if (work & ~(WEIGATE_MAINTAIN_EXPIRE | WEIGATE_MAINTAIN_COMPACT)) exit(0);
  return good->maintain(handle, call, work);
}
BREAKS(calls_exit, bad.maintain = maintain_or_exit)

/* Hidden in all others. */
#ifndef SECOND_VISIBILITY
#define SECOND_VISIBILITY "hidden"
#endif
__attribute__((visibility(SECOND_VISIBILITY))) const char *helper_of_mine(void);
const char *helper_of_mine(void) {
  return "mine";
}
BREAKS(second_symbol, (void)bad)

/* --- the entry --- */

const struct weigate_storage_plugin *weigate_storage_plugin_v1(const struct weigate_host *host) {
  good = good_plugin(host);
  if (!good) return NULL;
  the_host = host;
  bad = *good;
  good_tickets = good->extension(WEIGATE_TICKETS_V1);
  bad_tickets = *good_tickets;
  bad.extension = find_bad_tickets;
  SABOTEUR();
  return &bad;
}
