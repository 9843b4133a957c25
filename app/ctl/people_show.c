/* SPDX-License-Identifier: Apache-2.0
 * people_show: weigatectl people show; the program's only thread. */
#include <stdio.h>

#include "base/scope.h"
#include "ctl/ctl.h"
#include "ctl/people.h"
#include "ctl/term.h"
#include "store/person_json.h"
#include "store/person_text.h"

/* One person as JSON: all fields at their limits, every byte escaped to six. */
#define LINE_MAX_BYTES 131072

struct showing {
  bool as_json;
  size_t found;
  struct buf out;
};

static struct str slice(struct weigate_text text) {
  return str_make(text.bytes, text.size);
}

static void add_row(struct buf *out, const char *label, struct str value) {
  char padded[32];
  snprintf(padded, sizeof padded, "%-12s", label);
  term_add_styled(out, TERM_DIM, padded);
  text_printable(out, value, LINE_MAX_BYTES);
  buf_add_char(out, '\n');
}

static void add_time_row(struct buf *out, const char *label, int64_t at_us) {
  char stamp[32];
  text_rfc3339(stamp, at_us / 1000000);
  add_row(out, label, at_us ? str_of(stamp) : STR("-"));
}

static void add_person(struct buf *out, const struct weigate_person *person) {
  static const char *const sexes[] = {"unknown", "male", "female"};
  char count[32];
  snprintf(count, sizeof count, "%llu on %llu days", (unsigned long long)person->login_count,
           (unsigned long long)person->login_days);
  add_row(out, "openid", slice(person->openid));
  add_row(out, "appid", slice(person->appid));
  add_row(out, "unionid", slice(person->unionid));
  add_row(out, "nickname", slice(person->nickname));
  add_row(out, "sex", str_of(person->sex >= 0 && person->sex <= 2 ? sexes[person->sex] : "unknown"));
  add_row(out, "country", slice(person->country));
  add_row(out, "province", slice(person->province));
  add_row(out, "city", slice(person->city));
  add_row(out, "picture", slice(person->headimgurl));
  add_row(out, "privilege", slice(person->privilege));
  add_row(out, "scope", slice(person->scope));
  add_time_row(out, "first seen", person->first_seen_us);
  add_time_row(out, "last seen", person->last_seen_us);
  add_time_row(out, "last login", person->last_login_us);
  add_row(out, "logins", str_of(count));
}

static int show_person(void *context, size_t index, const struct weigate_person *person) {
  struct showing *showing = context;
  (void)index;
  if (!person) return 0;
  if (showing->as_json) {
    person_json_add(&showing->out, person);
    buf_add_char(&showing->out, '\n');
  } else {
    if (showing->found > 0) buf_add_char(&showing->out, '\n');
    add_person(&showing->out, person);
  }
  showing->found++;
  term_print(&showing->out);
  return 0;
}

/* The person in one account, or in each: an openid means somebody in one account only, but tests share them. */
static int show_people(const struct ctl *ctl, const struct people *people, struct showing *showing, struct err *err) {
  struct str only;
  if (people_appid(people->conf, ctl_text(ctl, CTL_ACCOUNT), &only, err) != 0 ||
      people_load(people, str_of(ctl->argument), only, WEIGATE_WANT_COUNTS, show_person, showing, err) != 0)
    return -1;
  return showing->found > 0 ? 0 : err_set(err, "nobody with the openid %s is stored", ctl->argument);
}

int people_show_run(const struct ctl *ctl, struct err *err) {
  struct people people;
  struct showing showing = {.as_json = ctl_has(ctl, CTL_JSON)};
  if (!person_is_openid(str_of(ctl->argument)))
    return err_set(err, "that is no openid: 1 to %d letters, digits, \"-\" and \"_\"", WEIGATE_OPENID_MAX);
  if (people_open(ctl, &people, err) != 0) return -1;
  buf_init(&showing.out, LINE_MAX_BYTES);
  int result = show_people(ctl, &people, &showing, err);
  buf_done(&showing.out);
  people_close(&people);
  return result;
}
