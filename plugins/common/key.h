/* SPDX-License-Identifier: Apache-2.0
 * key: the keys under which records lie in a map, each table behind a letter of its own, in the order in which they are given
 * out. */
#ifndef WEIGATE_COMMON_KEY_H
#define WEIGATE_COMMON_KEY_H

#include "map.h"

enum table {
  TABLE_DAY = 'd',          /* appid NUL openid NUL day: sign-ins of that day */
  TABLE_EVENT = 'e',        /* time, id: the event */
  TABLE_TICKET = 'k',       /* kind NUL key: the ticket */
  TABLE_META = 'm',         /* a letter: a number */
  TABLE_NUMBER = 'n',       /* kind NUL number: the key of the ticket that was written with this number */
  TABLE_PERSON_EVENT = 'o', /* appid NUL openid NUL time, id: nothing, the event is its own record */
  TABLE_PERSON = 'p',       /* appid NUL openid: the person, token included */
  TABLE_SEEN = 's',         /* last_seen_us, appid NUL openid: nothing; who was unseen longest comes first */
  TABLE_TOMBSTONE = 't',    /* hash: stamp */
  TABLE_UNIONID = 'u'       /* unionid NUL appid NUL openid: nothing */
};

#define META_SCHEMA  'v'
#define META_PEOPLE  'c'
#define META_NUMBER  'n' /* the last number given to a ticket */
#define META_EVICTED 'x' /* people who had to make room */
#define META_SCRUB   's' /* written by nobody but a store that cleans its pages */

/* Bytes of an event's place: its time in network order, then its id. */
#define KEY_EVENT_BYTES 24

struct key {
  size_t size;
  uint8_t bytes[MAP_KEY_MAX];
};

/* Makers; add the parts in order. The limits of the header keep every key below MAP_KEY_MAX. */
struct key key_of(enum table table);
void key_add(struct key *key, const void *bytes, size_t size);
void key_add_text(struct key *key, struct weigate_text text); /* and a NUL */
void key_add_number(struct key *key, uint64_t number);        /* eight bytes in network order */

struct key key_meta(char letter);
struct key key_person(struct weigate_text appid, struct weigate_text openid);
struct key key_event(int64_t at_us, const uint8_t id[16]);
struct key key_person_event(struct weigate_text appid, struct weigate_text openid, int64_t at_us, const uint8_t id[16]);
struct key key_day(struct weigate_text appid, struct weigate_text openid, int32_t day);
struct key key_seen(int64_t last_seen_us, struct weigate_text appid, struct weigate_text openid);
struct key key_unionid(struct weigate_text unionid, struct weigate_text appid, struct weigate_text openid);
struct key key_tombstone(const uint8_t hash[32]);
struct key key_ticket(const struct weigate_ticket *ticket);
struct key key_number(struct weigate_text kind, uint64_t number);

struct map_bytes key_bytes(const struct key *key);
bool key_is_below(struct map_bytes key, const struct key *prefix); /* true if the key begins with the prefix */
uint64_t key_read_number(const uint8_t *bytes);
/* "appid NUL openid", or false. */
bool key_split(struct map_bytes bytes, struct weigate_text *ret_appid, struct weigate_text *ret_openid);

#endif
