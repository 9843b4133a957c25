/* SPDX-License-Identifier: Apache-2.0
 * control: reads JSON bodies and answers in JSON; server threads. */
#include "control.h"

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "base/json.h"
#include "people.h"
#include "steering.h"

/* A load generator asks for codes in bulk; one answer stays below 4 MiB. */
#define CODES_MAX 100000
/* A thousand years: enough for every lifetime and far from overflow. */
#define ADVANCE_MAX_S 31536000000
#define DELAY_MAX_MS  3600000

/* The body as an object, or NULL after an answer of 400. */
static cJSON *read_body(struct exchange *exchange) {
  cJSON *object = NULL;
  const char *why = "";
  if (json_parse_object(buf_str(&exchange->body), &object, &why) == 0) return object;
  struct err err;
  err_set(&err, "the body must be a JSON object: %s", why);
  reply_error(exchange, 400, err.text);
  return NULL;
}

static struct buf *begin_json(struct exchange *exchange, unsigned status) {
  reply_set(exchange, status, "application/json");
  return &exchange->reply.body;
}

static void add_string_member(struct buf *out, const char *name, const char *text) {
  buf_addf(out, ",\"%s\":", name);
  json_add_string(out, str_of(text));
}

/* A number of the query, or the given one when it is missing; -1 after an answer of 400. */
static int read_number(struct exchange *exchange, const char *name, uint64_t absent, uint64_t *ret_number) {
  struct str text = exchange_param_str(exchange, name);
  *ret_number = absent;
  if (!text.p || text_parse_u64(text, UINT64_MAX, ret_number) == 0) return 0;
  struct err err;
  err_set(&err, "%s must be a number", name);
  reply_error(exchange, 400, err.text);
  return -1;
}

static void add_person_json(struct exchange *exchange, uint32_t person) {
  const struct person *row = people_row(person);
  const struct options *options = &exchange->sandbox->options;
  struct buf *out = &exchange->reply.body;
  char id[PERSON_ID_BYTES], openid[OPENID_BYTES], unionid[OPENID_BYTES];
  people_id(person, id);
  people_unionid(person, false, unionid);
  buf_addf(out, "{\"id\":\"%s\"", id);
  add_string_member(out, "name", row->name_en);
  add_string_member(out, "name_zh", row->name_zh);
  add_string_member(out, "provokes", row->provokes);
  add_string_member(out, "provokes_zh", row->provokes_zh);
  buf_addf(out, ",\"grey\":%s", row->avatar == AVATAR_GREY ? "true" : "false");
  buf_addf(out, ",\"snapshot\":%s,\"unionid\":", row->snapshot ? "true" : "false");
  if (row->unionid == UNION_NO)
    buf_add_text(out, "null");
  else
    buf_addf(out, "\"%s\"", unionid);
  buf_add_text(out, ",\"openids\":{");
  for (size_t i = 0; i < options->accounts_count; i++) {
    people_openid(person, str_of(options->accounts[i].appid), false, openid);
    buf_addf(out, "%s\"%s\":\"%s\"", i ? "," : "", options->accounts[i].appid, openid);
  }
  buf_add_text(out, "},\"snapshot_openids\":{");
  for (size_t i = 0; i < options->accounts_count; i++) {
    people_openid(person, str_of(options->accounts[i].appid), true, openid);
    buf_addf(out, "%s\"%s\":\"%s\"", i ? "," : "", options->accounts[i].appid, openid);
  }
  buf_add_text(out, "}}");
}

void control_people(struct exchange *exchange) {
  struct str id = exchange_param_str(exchange, "id");
  struct buf *out = begin_json(exchange, 200);
  if (id.p) {
    uint32_t person = people_find(id);
    if (person == PERSON_NONE)
      reply_error(exchange, 404, "there is no such person");
    else
      add_person_json(exchange, person);
    return;
  }
  buf_add_text(out, "{\"people\":[");
  for (uint32_t i = 0; i < people_table_count; i++) {
    if (i > 0) buf_add_text(out, ",\n");
    add_person_json(exchange, i);
  }
  buf_add_text(out, "]}\n");
}

void control_accounts(struct exchange *exchange) {
  const struct options *options = &exchange->sandbox->options;
  struct buf *out = begin_json(exchange, 200);
  buf_add_text(out, "{\"accounts\":[");
  for (size_t i = 0; i < options->accounts_count; i++) {
    buf_addf(out, "%s{\"appid\":\"%s\"", i ? "," : "", options->accounts[i].appid);
    add_string_member(out, "secret", options->accounts[i].secret);
    buf_addf(out, ",\"website\":%s}", options->accounts[i].website ? "true" : "false");
  }
  buf_add_text(out, "]}\n");
}

void control_kinds(struct exchange *exchange) {
  struct buf *out = begin_json(exchange, 200);
  struct fault_field_help field;
  buf_add_text(out, "{\"kinds\":[");
  for (size_t i = 0; i < fault_kinds_count; i++) {
    buf_addf(out, "%s{\"kind\":\"%s\"", i ? ",\n" : "", fault_kinds[i].name);
    add_string_member(out, "sentence", fault_kinds[i].sentence);
    buf_addf(out, ",\"call\":%s%s%s,\"fields\":%s}", fault_kinds[i].call ? "\"" : "",
             fault_kinds[i].call ? fault_kinds[i].call : "null", fault_kinds[i].call ? "\"" : "", fault_kinds[i].fields);
  }
  buf_add_text(out, "],\n\"fields\":[");
  for (size_t i = 0; fault_field_at(i, &field); i++) {
    buf_addf(out, "%s{\"name\":\"%s\"", i ? ",\n" : "", field.name);
    add_string_member(out, "form", field.form);
    add_string_member(out, "sentence", field.sentence);
    buf_add_char(out, '}');
  }
  buf_add_text(out, "]}\n");
}

void control_faults(struct exchange *exchange) {
  struct buf *out = begin_json(exchange, 200);
  buf_add_text(out, "{\"faults\":");
  faults_json(exchange->sandbox->faults, out);
  buf_add_text(out, "}\n");
}

void control_faults_add(struct exchange *exchange) {
  struct err err;
  uint32_t id;
  cJSON *object = read_body(exchange);
  if (!object) return;
  if (faults_add(exchange->sandbox->faults, object, &id, &err))
    reply_error(exchange, 400, err.text);
  else
    buf_addf(begin_json(exchange, 201), "{\"id\":%u}\n", id);
  json_free(object);
}

void control_faults_remove(struct exchange *exchange) {
  uint64_t id;
  if (read_number(exchange, "id", 0, &id)) return;
  size_t removed = faults_remove(exchange->sandbox->faults, (uint32_t)id);
  buf_addf(begin_json(exchange, 200), "{\"removed\":%zu}\n", removed);
}

void control_next(struct exchange *exchange) {
  struct buf *out = begin_json(exchange, 200);
  steering_json(exchange->sandbox->steering, out);
  buf_add_char(out, '\n');
}

void control_next_set(struct exchange *exchange) {
  struct err err;
  cJSON *object = read_body(exchange);
  if (!object) return;
  if (steering_set(exchange->sandbox->steering, object, &err))
    reply_error(exchange, 400, err.text);
  else
    control_next(exchange);
  json_free(object);
}

void control_next_clear(struct exchange *exchange) {
  steering_clear(exchange->sandbox->steering);
  control_next(exchange);
}

/* What POST /sandbox/codes asks for. */
struct mint {
  struct grant grant;
  int64_t count, lifetime_s;
};

static int read_scope(const cJSON *object, struct mint *mint, bool website, struct err *err) {
  struct str scope;
  mint->grant.scope = website ? SCOPE_LOGIN : SCOPE_USERINFO;
  if (json_get_string(object, "scope", &scope) != JSON_GOT) return 0;
  if (str_eq(scope, STR("snsapi_base")))
    mint->grant.scope = SCOPE_BASE;
  else if (str_eq(scope, STR("snsapi_login")))
    mint->grant.scope = SCOPE_LOGIN;
  else if (str_eq(scope, STR("snsapi_userinfo")))
    mint->grant.scope = SCOPE_USERINFO;
  else
    return err_set(err, "\"scope\" must be snsapi_base, snsapi_userinfo or snsapi_login");
  return 0;
}

static int read_mint(const struct sandbox *sandbox, const cJSON *object, struct mint *ret_mint, struct err *err) {
  const struct options *options = &sandbox->options;
  struct str person = STR("plain"), appid = str_of(options->accounts[0].appid);
  json_get_string(object, "person", &person);
  json_get_string(object, "appid", &appid);
  int account = options_account(options, appid);
  if (account < 0) return err_set(err, "\"appid\": the sandbox knows no such account");
  *ret_mint = (struct mint){.grant = {.person = people_find(person), .account = (uint8_t)account}, .count = 1};
  if (ret_mint->grant.person == PERSON_NONE) return err_set(err, "\"person\" must be the id of a virtual person");
  if (read_scope(object, ret_mint, options->accounts[account].website, err)) return -1;
  if (json_get_int(object, "count", 1, CODES_MAX, &ret_mint->count) == JSON_ODD)
    return err_set(err, "\"count\" must be a number from 1 to %d", CODES_MAX);
  ret_mint->lifetime_s = ret_mint->grant.scope == SCOPE_LOGIN ? CODE_QR_LIFETIME_S : CODE_LIFETIME_S;
  if (json_get_int(object, "lifetime_s", 0, ADVANCE_MAX_S, &ret_mint->lifetime_s) == JSON_ODD)
    return err_set(err, "\"lifetime_s\" must be a number of seconds");
  ret_mint->grant.snapshot = people_row(ret_mint->grant.person)->snapshot && ret_mint->grant.scope == SCOPE_USERINFO;
  return 0;
}

/* With a count, generated persons are numbered on: p000001, p000002, … get a code each. */
static void mint_codes(struct exchange *exchange, const struct mint *mint) {
  struct sandbox *sandbox = exchange->sandbox;
  struct buf *out = begin_json(exchange, 201);
  struct grant grant = mint->grant;
  char code[CODE_BYTES] = "";
  int64_t expires_s = sandbox_now_s(sandbox) + mint->lifetime_s;
  buf_add_text(out, "{\"codes\":[");
  for (int64_t i = 0; i < mint->count; i++) {
    grants_mint_code(sandbox->grants, grant, expires_s, code);
    buf_addf(out, "%s\"%s\"", i ? "," : "", code);
    if (grant.person >= PERSON_GENERATED) grant.person++;
  }
  atomic_fetch_add(&ledger_counts(sandbox->ledger)->minted, (uint64_t)mint->count);
  buf_addf(out, "],\"code\":\"%s\"}\n", code);
}

void control_codes(struct exchange *exchange) {
  struct err err;
  struct mint mint;
  cJSON *object = read_body(exchange);
  if (!object) return;
  if (read_mint(exchange->sandbox, object, &mint, &err))
    reply_error(exchange, 400, err.text);
  else
    mint_codes(exchange, &mint);
  json_free(object);
}

void control_ledger(struct exchange *exchange) {
  struct ledger_query *lines = &exchange->lines;
  struct str call = exchange_param_str(exchange, "call"), person = exchange_param_str(exchange, "person");
  uint64_t limit;
  if (read_number(exchange, "since", 0, &lines->since) || read_number(exchange, "limit", UINT64_MAX, &limit)) return;
  lines->call = call.p ? (int)ledger_call_find(call) : CALL_ANY;
  lines->person = person.p ? people_find(person) : PERSON_NONE;
  if (call.p && lines->call == CALL_COUNT)
    reply_error(exchange, 400, "call: there is no such call");
  else if (person.p && lines->person == PERSON_NONE)
    reply_error(exchange, 400, "person: there is no such person");
  else if (limit == 0)
    reply_error(exchange, 400, "limit must be at least 1");
  else {
    lines->limit = limit;
    reply_set(exchange, 200, "application/x-ndjson");
  }
}

void control_ledger_clear(struct exchange *exchange) {
  ledger_clear(exchange->sandbox->ledger);
  control_counts(exchange);
}

void control_counts(struct exchange *exchange) {
  struct buf *out = begin_json(exchange, 200);
  ledger_counts_json(exchange->sandbox->ledger, out);
  buf_add_char(out, '\n');
}

void control_clock(struct exchange *exchange) {
  struct sandbox *sandbox = exchange->sandbox;
  buf_addf(begin_json(exchange, 200), "{\"now_s\":%lld,\"advanced_s\":%lld}\n", (long long)sandbox_now_s(sandbox),
           (long long)atomic_load(&sandbox->clock_offset_s));
}

void control_clock_advance(struct exchange *exchange) {
  int64_t advance_s;
  cJSON *object = read_body(exchange);
  if (!object) return;
  if (json_get_int(object, "advance_s", -ADVANCE_MAX_S, ADVANCE_MAX_S, &advance_s) != JSON_GOT) {
    reply_error(exchange, 400, "\"advance_s\" must be a number of seconds");
  } else {
    atomic_fetch_add(&exchange->sandbox->clock_offset_s, advance_s);
    control_clock(exchange);
  }
  json_free(object);
}

void control_latency(struct exchange *exchange) {
  int64_t latency_ms = 0, jitter_ms = 0;
  cJSON *object = read_body(exchange);
  if (!object) return;
  if (json_get_int(object, "latency_ms", 0, DELAY_MAX_MS, &latency_ms) == JSON_ODD ||
      json_get_int(object, "jitter_ms", 0, DELAY_MAX_MS, &jitter_ms) == JSON_ODD) {
    reply_error(exchange, 400, "\"latency_ms\" and \"jitter_ms\" must be numbers up to an hour");
  } else {
    atomic_store(&exchange->sandbox->latency_ms, (uint64_t)latency_ms);
    atomic_store(&exchange->sandbox->jitter_ms, (uint64_t)jitter_ms);
    buf_addf(begin_json(exchange, 200), "{\"latency_ms\":%lld,\"jitter_ms\":%lld}\n", (long long)latency_ms,
             (long long)jitter_ms);
  }
  json_free(object);
}

void control_reset(struct exchange *exchange) {
  struct sandbox *sandbox = exchange->sandbox;
  faults_remove(sandbox->faults, 0);
  steering_clear(sandbox->steering);
  grants_clear(sandbox->grants);
  ledger_clear(sandbox->ledger);
  atomic_store(&sandbox->clock_offset_s, 0);
  atomic_store(&sandbox->latency_ms, sandbox->options.latency_ms);
  atomic_store(&sandbox->jitter_ms, sandbox->options.jitter_ms);
  for (size_t i = 0; i < SIGN_INS_MAX; i++) atomic_store(&sandbox->sign_ins[i], 0);
  control_counts(exchange);
}
