/* SPDX-License-Identifier: Apache-2.0
 * answer: builds WeChat's JSON objects; any thread. */
#include "answer.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* The longest nickname is 2,001 bytes; a fault's members come from a control body of 64 MiB at most. */
#define TEXT_MAX_BYTES (80u << 20)

struct sentence {
  int errcode;
  const char *text;
};

static const struct sentence sentences[] = {
    {-1, "system error"},
    {0, "ok"},
    {40001, "invalid credential, access_token is invalid or not latest"},
    {40002, "invalid grant_type"},
    {40003, "invalid openid"},
    {40013, "invalid appid"},
    {40014, "invalid access_token"},
    {40029, "invalid code"},
    {40030, "invalid refresh_token"},
    {40066, "invalid url"},
    {40125, "invalid appsecret, view more at http://t.cn/RAEkdVq"},
    {40163, "code been used"},
    {40164, "invalid ip 127.0.0.1, not in whitelist"},
    {40226, "high risk user is blocked"},
    {41001, "access_token missing"},
    {41002, "appid missing"},
    {41003, "refresh_token missing"},
    {41004, "appsecret missing"},
    {41008, "missing code"},
    {41009, "missing openid"},
    {42001, "access_token expired"},
    {42002, "refresh_token expired"},
    {42003, "oauth_code expired"},
    {42007, "access_token and refresh_token exception"},
    {43001, "require GET method"},
    {43003, "require https"},
    {45009, "reach max api daily quota limit"},
    {45011, "api minute-quota reach limit mustslower retry next minute"},
    {48001, "api unauthorized"},
    {48004, "api forbidden for irregularities"},
    {50001, "user unauthorized"},
    {50002, "user limited"},
};

static struct member *find_member(struct answer *answer, const char *name) {
  for (size_t i = 0; i < answer->count; i++)
    if (strcmp(answer->members[i].name, name) == 0) return &answer->members[i];
  return NULL;
}

static struct member *place_member(struct answer *answer, const char *name) {
  struct member *member = find_member(answer, name);
  if (member || answer->count == ANSWER_MEMBERS_MAX) return member;
  member = &answer->members[answer->count++];
  *member = (struct member){.name = name};
  return member;
}

/* Whatever was appended to the text since `at` becomes the member's value. */
static void finish_member(struct answer *answer, const char *name, size_t at) {
  struct member *member = place_member(answer, name);
  if (!member) return;
  member->at = at;
  member->length = answer->text.len - at;
}

static void apply_pairs(struct answer *answer, const struct fault_pairs *pairs) {
  for (size_t i = 0; i < pairs->count; i++) {
    struct str value = str_make(pairs->row[i].value.p, pairs->row[i].value.n);
    if (str_eq(value, STR("null")))
      answer_remove(answer, pairs->row[i].name);
    else
      answer_add_raw(answer, pairs->row[i].name, value);
  }
}

static void write_member(const struct answer *answer, const struct member *member, bool first, struct buf *out) {
  buf_add_text(out, first ? "\"" : ",\"");
  buf_add_text(out, member->name);
  buf_add_text(out, "\":");
  buf_add(out, answer->text.data + member->at, member->length);
}

static void write_blanks(struct buf *out, uint64_t count) {
  char *to = buf_reserve(out, count);
  if (!to) return;
  memset(to, ' ', count);
  buf_grew(out, count);
}

void answer_init(struct answer *answer) {
  answer->count = 0;
  buf_init(&answer->text, TEXT_MAX_BYTES);
}

void answer_done(struct answer *answer) {
  buf_done(&answer->text);
}

void answer_add_raw(struct answer *answer, const char *name, struct str json) {
  size_t at = answer->text.len;
  buf_add_str(&answer->text, json);
  finish_member(answer, name, at);
}

void answer_add_number(struct answer *answer, const char *name, int64_t number) {
  size_t at = answer->text.len;
  buf_addf(&answer->text, "%lld", (long long)number);
  finish_member(answer, name, at);
}

void answer_add_word(struct answer *answer, const char *name, const char *word) {
  size_t at = answer->text.len;
  buf_add_char(&answer->text, '"');
  buf_add_text(&answer->text, word);
  buf_add_char(&answer->text, '"');
  finish_member(answer, name, at);
}

void answer_add_url(struct answer *answer, const char *name, struct str url) {
  size_t at = answer->text.len;
  buf_add_char(&answer->text, '"');
  for (size_t i = 0; i < url.n; i++) {
    if (url.p[i] == '/' || url.p[i] == '"' || url.p[i] == '\\') buf_add_char(&answer->text, '\\');
    buf_add_char(&answer->text, url.p[i]);
  }
  buf_add_char(&answer->text, '"');
  finish_member(answer, name, at);
}

void answer_remove(struct answer *answer, const char *name) {
  struct member *member = find_member(answer, name);
  if (!member) return;
  size_t behind = (size_t)(answer->members + answer->count - member) - 1;
  memmove(member, member + 1, behind * sizeof *member);
  answer->count--;
}

void answer_add_error(struct answer *answer, struct str errcode, struct str errmsg) {
  size_t good = answer->count < ANSWER_MEMBERS_MAX - 2 ? answer->count : ANSWER_MEMBERS_MAX - 2;
  memmove(answer->members + 2, answer->members, good * sizeof answer->members[0]);
  answer->count = good + 2;
  size_t at = answer->text.len;
  buf_add_str(&answer->text, errcode);
  answer->members[0] = (struct member){"errcode", at, errcode.n};
  at = answer->text.len;
  json_add_string(&answer->text, errmsg);
  answer->members[1] = (struct member){"errmsg", at, answer->text.len - at};
}

void answer_write(struct answer *answer, const struct fault *fault, struct buf *out) {
  if (fault) apply_pairs(answer, &fault->set);
  if (fault && fault->bom) buf_add_text(out, "\xef\xbb\xbf");
  buf_add_char(out, '{');
  for (size_t i = 0; i < answer->count; i++)
    write_member(answer, &answer->members[fault && fault->reversed ? answer->count - 1 - i : i], i == 0, out);
  if (fault) {
    for (uint64_t i = 0; i < fault->extra_members; i++)
      buf_addf(out, "%s\"unknown_%llu\":[%llu,{\"x\":null}]", i + answer->count ? "," : "", (unsigned long long)i,
               (unsigned long long)i);
    write_blanks(out, fault->blanks);
  }
  buf_add_char(out, '}');
}

const char *answer_errmsg(int64_t errcode) {
  for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
    if (sentences[i].errcode == errcode) return sentences[i].text;
  return "error";
}
