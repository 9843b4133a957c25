/* SPDX-License-Identifier: Apache-2.0
 * people: the virtual persons who sign in, and what each of them provokes. Read-only after start. */
#ifndef WEIGATE_SANDBOX_PEOPLE_H
#define WEIGATE_SANDBOX_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

/* Below this a person is a row of the table; from here on p000001, p000002, … for load tests (9 digits fit below 2^31). */
#define PERSON_GENERATED 0x40000000u
#define PERSON_NONE      UINT32_MAX
/* Longest id of the table is below 24 characters. */
#define PERSON_ID_BYTES 32
/* As WeChat's: 28 characters that begin with "o". */
#define OPENID_LENGTH 28
#define OPENID_BYTES  (OPENID_LENGTH + 1)

enum person_union { UNION_YES, UNION_NO, UNION_LATER };
enum person_avatar { AVATAR_OWN, AVATAR_GREY, AVATAR_NONE, AVATAR_NULL };

struct person {
  const char *id;
  const char *name_en, *name_zh;      /* how the pages call them */
  const char *provokes, *provokes_zh; /* one sentence for the developer */
  struct str nickname;                /* the bytes between the quotes, as they go over the wire */
  const char *sex;                    /* raw JSON; NULL: 0, as for everybody since 2021 */
  struct str country, province, city; /* as on the wire; empty since 2021 */
  const char *country_en, *province_en, *city_en, *province_tw, *city_tw; /* for lang=en and zh_TW, NULL: as above */
  const char *privilege;                                                  /* raw JSON; NULL: [] */
  enum person_avatar avatar;
  enum person_union unionid;
  bool snapshot;                      /* virtual user in a snapshot page */
  int token_errcode, refresh_errcode; /* what WeChat answers about this person, 0: nothing special */
};

/* The person of an id, or PERSON_NONE. "p7" and "p000007" are the same person. Any thread. */
uint32_t people_find(struct str id);
/* Their canonical id. Any thread. */
void people_id(uint32_t person, char to[PERSON_ID_BYTES]);
/* The row of a person; generated ones share a row. Any thread. */
const struct person *people_row(uint32_t person);
size_t people_count(void);
/* Appends the nickname between quotes, as on the wire. Any thread. */
void people_nickname(uint32_t person, struct buf *out);

/* Follows from account and person, so that a test can know it before the sign-in. Any thread. */
void people_openid(uint32_t person, struct str appid, bool snapshot, char to[OPENID_BYTES]);
void people_unionid(uint32_t person, bool snapshot, char to[OPENID_BYTES]);

extern const struct person people_table[];
extern const size_t people_table_count;

#endif
