/* SPDX-License-Identifier: Apache-2.0
 * people: finds virtual persons and derives their ids; any thread. */
#include "people.h"

#include "derive.h"

/* Salts keep the id spaces apart. */
#define SALT_APPID    1
#define SALT_OPENID   2
#define SALT_UNIONID  3
#define SALT_SNAPSHOT 4

static const struct person generated_row = {
    .id = "p000001",
    .name_en = "Load test person",
    .name_zh = "压测用户",
    .provokes = "Nothing: p000001 to p999999999 are made up on the spot for load tests.",
    .provokes_zh = "没有特别之处：p000001 到 p999999999 随用随有，供压测使用。",
};

static uint32_t find_generated(struct str id) {
  uint64_t number;
  if (id.n < 2 || id.n > 10 || id.p[0] != 'p') return PERSON_NONE;
  if (text_parse_u64(str_from(id, 1), 999999999, &number)) return PERSON_NONE;
  return PERSON_GENERATED + (uint32_t)number;
}

static void derive_openid(char to[OPENID_BYTES], uint64_t group_seed, uint64_t own_seed) {
  to[0] = 'o';
  derive_id(to + 1, 5, group_seed);
  derive_id(to + 6, OPENID_LENGTH - 6, own_seed);
  to[OPENID_LENGTH] = '\0';
}

uint32_t people_find(struct str id) {
  for (size_t i = 0; i < people_table_count; i++)
    if (str_eq(id, str_of(people_table[i].id))) return (uint32_t)i;
  return find_generated(id);
}

void people_id(uint32_t person, char to[PERSON_ID_BYTES]) {
  if (person < people_table_count) {
    str_copy(str_of(people_table[person].id), to, PERSON_ID_BYTES);
    return;
  }
  uint32_t number = person - PERSON_GENERATED;
  size_t digits = 6;
  for (uint32_t rest = number / 1000000; rest > 0; rest /= 10) digits++;
  to[0] = 'p';
  to[digits + 1] = '\0';
  for (size_t i = digits; i > 0; i--, number /= 10) to[i] = (char)('0' + number % 10);
}

const struct person *people_row(uint32_t person) {
  return person < people_table_count ? &people_table[person] : &generated_row;
}

size_t people_count(void) {
  return people_table_count;
}

void people_nickname(uint32_t person, struct buf *out) {
  buf_add_char(out, '"');
  if (person < people_table_count) {
    buf_add_str(out, people_table[person].nickname);
  } else {
    char id[PERSON_ID_BYTES];
    people_id(person, id);
    buf_add_text(out, "压测 ");
    buf_add_text(out, id);
  }
  buf_add_char(out, '"');
}

void people_openid(uint32_t person, struct str appid, bool snapshot, char to[OPENID_BYTES]) {
  char id[PERSON_ID_BYTES];
  people_id(person, id);
  uint64_t group = derive_seed(appid, SALT_APPID);
  derive_openid(to, group, derive_seed(str_of(id), group ^ (snapshot ? SALT_SNAPSHOT : SALT_OPENID)));
}

void people_unionid(uint32_t person, bool snapshot, char to[OPENID_BYTES]) {
  char id[PERSON_ID_BYTES];
  people_id(person, id);
  uint64_t group = derive_seed(STR("open platform"), SALT_UNIONID);
  derive_openid(to, group, derive_seed(str_of(id), group ^ (snapshot ? SALT_SNAPSHOT : SALT_OPENID)));
}
