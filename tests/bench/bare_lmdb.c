/* SPDX-License-Identifier: Apache-2.0
 * bare_lmdb: the same bytes as three entries of one map, without syncing, as the memory plugin on a tmpfs. */
#include <lmdb.h>
#include <stdio.h>
#include <string.h>

#include "subject.h"

#define SIZE_MAX_BYTES (UINT64_C(16) << 30)

static MDB_env *env;
static MDB_dbi dbi;

static void check(const char *what, int code) {
  if (code != 0) subject_fail(what, mdb_strerror(code));
}

static void open_map(const char *where) {
  MDB_txn *txn;
  check("create", mdb_env_create(&env));
  check("size", mdb_env_set_mapsize(env, SIZE_MAX_BYTES));
  check(where, mdb_env_open(env, where, MDB_NOSUBDIR | MDB_NOSYNC, 0600));
  check("begin", mdb_txn_begin(env, NULL, 0, &txn));
  check("open", mdb_dbi_open(txn, NULL, 0, &dbi));
  check("commit", mdb_txn_commit(txn));
}

static char *add(char *to, struct weigate_text text) {
  memcpy(to, text.bytes, text.size);
  return to + text.size;
}

static void put(MDB_txn *txn, const char *key, const char *key_end, const char *value, const char *value_end) {
  MDB_val k = {(size_t)(key_end - key), (void *)(uintptr_t)key}, v = {(size_t)(value_end - value), (void *)(uintptr_t)value};
  check("put", mdb_put(txn, dbi, &k, &v, 0));
}

static void write_one(MDB_txn *txn, const struct made *made) {
  char key[256], value[4096], *end;
  const struct weigate_person *p = &made->person;
  const struct weigate_text person[] = {p->unionid, p->nickname, p->headimgurl, p->privilege, p->language,
                                        p->scope,   p->province, p->city,       p->country,   p->token_sealed};
  end = value + sizeof(p->profile_stamp) * 7;
  memset(value, 1, (size_t)(end - value));
  for (size_t i = 0; i < sizeof(person) / sizeof(person[0]); i++) end = add(end, person[i]);
  key[0] = 'p';
  put(txn, key, add(add(key + 1, p->appid), p->openid), value, end);

  const struct weigate_event *e = &made->event;
  const struct weigate_text event[] = {e->appid, e->openid, e->outcome, e->stage, e->scope, e->channel, e->network, e->node};
  end = value + 16;
  for (size_t i = 0; i < sizeof(event) / sizeof(event[0]); i++) end = add(end, event[i]);
  key[0] = 'e';
  for (int i = 0; i < 8; i++) key[1 + i] = (char)((uint64_t)e->event_at_us >> (56 - 8 * i));
  memcpy(key + 9, e->event_id, 16);
  put(txn, key, key + 25, value, end);

  const struct weigate_ticket *t = &made->ticket;
  key[0] = 't';
  put(txn, key, add(add(key + 1, t->kind), t->key), value, add(value, t->value));
}

static void write_batch(const struct made *const *made, size_t count) {
  MDB_txn *txn;
  check("begin", mdb_txn_begin(env, NULL, 0, &txn));
  for (size_t i = 0; i < count; i++) write_one(txn, made[i]);
  check("commit", mdb_txn_commit(txn));
}

static void close_map(void) {
  mdb_env_close(env);
}

const struct subject bare_lmdb = {"bare-lmdb", open_map, write_batch, close_map};
