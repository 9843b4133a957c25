/* SPDX-License-Identifier: Apache-2.0
 * forget_tickets: scans, opens, takes; the program's only thread. */
#include "ctl/forget_tickets.h"

#include <stdlib.h>

#include "signin/claim.h"
#include "signin/handover.h"
#include "store/kinds.h"

/* Read with one call, and the time that may take. */
#define PAGE_COUNT  256
#define PAGE_MAX_MS 10000

/* What is looked for, and the keys of what was found in one page. */
struct forgetting {
  const struct conf *conf;
  struct str appid, openid;
  const char *kind;
  char keys[PAGE_COUNT][WEIGATE_TICKET_KEY_MAX];
  struct weigate_ticket found[PAGE_COUNT];
  size_t count, taken;
};

/* The session in the ticket, if the account sealed it. */
static bool read_session(const struct account *account, const char *kind, const struct weigate_ticket *ticket,
                         struct session *ret_session) {
  char key[WEIGATE_TICKET_KEY_MAX + 1];
  struct str value = str_make(ticket->value.bytes, ticket->value.size);
  if (str_copy(str_make(ticket->key.bytes, ticket->key.size), key, sizeof key) != 0) return false;
  if (str_eq(str_of(kind), STR(KIND_HANDOVER))) return handover_read(account, key, value, ret_session) == 0;
  struct claim claim = {.account = account, .kind = kind};
  struct claim_end end;
  if (str_copy(str_of(key), claim.key, sizeof claim.key) != 0 || claim_read(&claim, value, &end) != 0) return false;
  *ret_session = end.session;
  return true;
}

static bool holds_person(const struct forgetting *f, const struct weigate_ticket *ticket) {
  for (size_t i = 0; i < f->conf->accounts_count; i++) {
    struct account account;
    struct session session = {.signed_in_at_s = 0};
    if (account_init(&account, &f->conf->accounts[i], &f->conf->session, NULL) != 0) continue;
    if (read_session(&account, f->kind, ticket, &session))
      return str_eq(str_of(session.openid), f->openid) && str_eq(str_of(session_appid(&account, &session)), f->appid);
  }
  return false;
}

static int note(void *context, size_t index, const struct weigate_ticket *ticket) {
  struct forgetting *f = context;
  (void)index;
  if (!ticket || ticket->key.size > WEIGATE_TICKET_KEY_MAX || !holds_person(f, ticket)) return 0;
  memcpy(f->keys[f->count], ticket->key.bytes, ticket->key.size);
  f->found[f->count] = (struct weigate_ticket){
      .struct_size = sizeof f->found[0], .kind = {f->kind, strlen(f->kind)}, .key = {f->keys[f->count], ticket->key.size}};
  f->count++;
  return f->count == PAGE_COUNT;
}

static int pass_over(void *context, size_t index, const struct weigate_ticket *ticket) {
  (void)context, (void)index, (void)ticket;
  return 0;
}

static int take(const struct people *people, struct weigate_call *call, void *arg) {
  struct forgetting *f = arg;
  const struct weigate_tickets batch = {
      .struct_size = sizeof batch, .stride = sizeof f->found[0], .count = f->count, .items = f->found};
  return people->plugin.tickets->take(people->handle, call, &batch, pass_over, NULL);
}

static int forget_kind(const struct people *people, struct forgetting *f, struct err *err) {
  uint64_t cursor = 0, before;
  do {
    struct weigate_call call = plugin_call(PAGE_MAX_MS);
    before = cursor;
    f->count = 0;
    int class = people->plugin.tickets->scan(people->handle, &call, (struct weigate_text){f->kind, strlen(f->kind)}, &cursor,
                                             PAGE_COUNT, note, f);
    if (class != WEIGATE_OK) return people_refuse(people, "cannot read tickets", class, &call, err);
    if (f->count > 0 && people_write(people, "cannot take tickets", take, f, err) != 0) return -1;
    f->taken += f->count;
  } while (cursor != before);
  return 0;
}

static const char *const with_sessions[] = {KIND_STATE, KIND_CODE, KIND_HANDOVER};
#define WITH_SESSIONS_COUNT (sizeof with_sessions / sizeof with_sessions[0])

int forget_tickets(const struct people *people, const struct conf *conf, struct str appid, struct str openid, size_t *ret_count,
                   struct err *err) {
  struct forgetting *f = calloc(1, sizeof *f);
  int result = f ? 0 : err_set(err, "out of memory");
  if (f) *f = (struct forgetting){.conf = conf, .appid = appid, .openid = openid};
  for (size_t i = 0; people->plugin.tickets && i < WITH_SESSIONS_COUNT && result == 0; i++) {
    f->kind = with_sessions[i];
    result = forget_kind(people, f, err);
  }
  if (result == 0) *ret_count = f->taken;
  free(f);
  return result;
}

static bool is_persons(void *arg, const struct weigate_ticket *ticket) {
  return holds_person(arg, ticket);
}

int forget_spooled_tickets(const struct conf *conf, struct str appid, struct str openid, size_t *ret_count, struct err *err) {
  struct forgetting *f = calloc(1, sizeof *f);
  int result = f ? 0 : err_set(err, "out of memory");
  if (f) *f = (struct forgetting){.conf = conf, .appid = appid, .openid = openid};
  *ret_count = 0;
  for (size_t i = 0; i < WITH_SESSIONS_COUNT && result == 0; i++) {
    size_t count = 0;
    f->kind = with_sessions[i];
    result = spool_forget_tickets(&conf->store.spool, f->kind, is_persons, f, &count, err);
    *ret_count += count;
  }
  free(f);
  return result;
}
