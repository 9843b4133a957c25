/* SPDX-License-Identifier: Apache-2.0
 * weigate/storage.h: everything a storage plugin needs to know; C99 and C++, no other header of weigate, nothing to link.
 *
 * A plugin is one shared object that exports one function, weigate_storage_plugin_v1(). It keeps people (profiles), their sign-in events,
 * their sealed tokens, and tickets: small notes with a lifetime that workers and hosts agree through. It never sees a token, a secret or
 * a cookie in the clear.
 *
 * Life cycle (each call once and in pairs; nothing before open, nothing after close; a process may be killed anywhere between):
 *
 *   dlopen ─► weigate_storage_plugin_v1(host)            no I/O, no thread; may be all that ever happens
 *              └► open(options) ─► store                 once per process, after fork
 *                  ├► connect(store) ─► handle           once per storage thread; a handle is used by one thread at a time
 *                  │    ├► setup                         creates or upgrades what the store needs; where the host was asked to
 *                  │    ├► record_signins, load_people, merge_people, erase_people, scan_people, scan_events,
 *                  │    │  health, maintain, and the calls of extensions
 *                  │    └► disconnect(handle)
 *                  └► close(store)
 *
 * What holds for every call on a handle:
 *   - `call` carries the time the call may take in, and the error out. A call returns within timeout_ms + 100 ms.
 *   - Returning WEIGATE_OK means done, and durable as far as the plugin's `durability` promises. Any other class means nothing was
 *     written, with one exception: WEIGATE_OUTCOME_UNKNOWN. The host then sends the identical batch again, so every write is
 *     idempotent: people by their stamps, events by (event_at_us, event_id), a claim by its value. Only `take` cannot be repeated.
 *   - A batch is one unit: its items become visible together, or none does, apart from those refused one by one (see results).
 *   - Arrays have a stride: walk them with it, never with sizeof. Structs begin with struct_size: read no member that lies beyond
 *     it, take those for absent (zero). WEIGATE_HAS() asks. Reserved bits are zero; refuse others with WEIGATE_INVALID. In arrays
 *     that come without a stride (results, values) the struct_size of the first element is the distance to the next.
 *   - Texts are valid UTF-8 without NUL, within the limits below, but not terminated. The host cleans text before; a plugin
 *     checks the limits and refuses (WEIGATE_ITEM_REJECTED, naming the field), it never cuts.
 *   - Inputs belong to the host until the call returns. What a sink is given belongs to the plugin and is valid during that call
 *     of the sink only.
 *   - No exit, fork, chdir, umask, setlocale, signal handler, atexit, environment write, output on descriptors 0 to 2. Descriptors
 *     are close-on-exec. Messages never hold personal data, tokens or option values marked secret.
 *
 * Promise: a plugin built against 1.x loads in every later 1.y. Members are only appended, never moved or given another meaning.
 */
#ifndef WEIGATE_STORAGE_H
#define WEIGATE_STORAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIGATE_STORAGE_MAGIC 0x57475354u /* "WGST" */
#define WEIGATE_STORAGE_ABI_MAJOR 1
#define WEIGATE_STORAGE_ABI_MINOR 1

/* True if the struct that `p` points to, as long as its writer made it, holds the member. */
#define WEIGATE_HAS(p, type, member) ((p)->struct_size >= offsetof(type, member) + sizeof(((type *)0)->member))

/* --- limits, bytes; longer is refused with WEIGATE_ITEM_REJECTED ------------------------------------------------------------- */

#define WEIGATE_APPID_MAX 64       /* WeChat: 18 */
#define WEIGATE_OPENID_MAX 128     /* WeChat: 28; its field list permits 128 */
#define WEIGATE_UNIONID_MAX 128
#define WEIGATE_NICKNAME_MAX 1024  /* WeChat's editor permits 32 characters; a family emoji has 25 bytes */
#define WEIGATE_REGION_MAX 256     /* province, city, country: each */
#define WEIGATE_URL_MAX 2048
#define WEIGATE_PRIVILEGE_MAX 4096 /* a JSON array of strings */
#define WEIGATE_SCOPE_MAX 256
#define WEIGATE_RAW_MAX 8192       /* a JSON object: members of WeChat's answer that have no field here */
#define WEIGATE_WORD_MAX 64        /* outcome, stage, channel, node, language, ticket kind */
#define WEIGATE_NETWORK_MAX 64     /* a shortened network such as 203.0.113.0/24 */
#define WEIGATE_SEALED_MAX 8192    /* sealed tokens of one person */
#define WEIGATE_TICKET_KEY_MAX 64
#define WEIGATE_TICKET_VALUE_MAX 4096
#define WEIGATE_CURSOR_MAX 512     /* resume token of a scan */
#define WEIGATE_BATCH_MAX 1024     /* items in one call */
/* A write observed further in the future is refused: one wrong clock would otherwise freeze a record for ever. */
#define WEIGATE_FUTURE_MAX_US INT64_C(300000000)

/* --- small types ----------------------------------------------------------------------------------------------------------- */

struct weigate_text {
  const char *bytes; /* may be NULL when size is 0 */
  size_t size;
};

/* When something was observed, and by which write: the order of two writes is (at_us, id), bytewise. All zero: never. */
struct weigate_stamp {
  int64_t at_us; /* microseconds since 1970, UTC */
  uint8_t id[16];
};

enum weigate_class {
  WEIGATE_OK = 0,
  WEIGATE_INVALID = 1,         /* the host broke this header's rules: a bug, not retried */
  WEIGATE_UNSUPPORTED = 2,
  WEIGATE_CONFIG = 3,          /* an option, a path, a missing or older schema: needs the admin */
  WEIGATE_AUTH = 4,            /* the store refused our credentials */
  WEIGATE_BUSY = 5,            /* conflict or lock; retried inside the time that is left */
  WEIGATE_UNAVAILABLE = 6,     /* no store there; nothing was sent */
  WEIGATE_TIMEOUT = 7,         /* out of time before anything was sent or begun; safe to repeat */
  WEIGATE_OUTCOME_UNKNOWN = 8, /* sent, but no final answer: repeat the identical batch */
  WEIGATE_FULL = 9,            /* no room (disk, map, quota) */
  WEIGATE_READ_ONLY = 10,
  WEIGATE_CORRUPT = 11,        /* damaged store: stop, alarm, never an empty answer */
  WEIGATE_SCHEMA_NEWER = 12,   /* made by a later version; nothing is written */
  WEIGATE_FAILED = 13          /* anything else; an unknown class is read as this */
};

/* One call: how long it may take goes in, what went wrong comes out. */
struct weigate_call {
  uint32_t struct_size;
  uint32_t timeout_ms;
  uint32_t retry_after_ms; /* out: 0, or how long to leave the store alone */
  char native[32];         /* out: SQLSTATE, SQLite's extended code, errno's name */
  char message[512];       /* out: one sentence, terminated */
};

/* --- people ------------------------------------------------------------------------------------------------------------------ */

/* Which groups of fields a person record carries. Absent is not empty. */
#define WEIGATE_PERSON_PROFILE 0x01u /* nickname, headimgurl, privilege, language, raw under profile_stamp */
#define WEIGATE_PERSON_SCOPE 0x02u   /* scope under scope_stamp */
#define WEIGATE_PERSON_UNIONID 0x04u
#define WEIGATE_PERSON_SEX 0x08u
#define WEIGATE_PERSON_REGION 0x10u
#define WEIGATE_PERSON_TOKEN 0x20u   /* sealed tokens under token_stamp */
#define WEIGATE_PERSON_ERASED 0x40u  /* a tombstone: erased_stamp and erased_hash only; merge_people and scan_people */
#define WEIGATE_PERSON_COUNTS 0x80u  /* login_count, login_days, last_login_us: given out, never taken in */

/* One person of one account. The key is (appid, openid), byte for byte.
 *
 * Merging is per group and commutative, associative and idempotent: the same writes in any order end in the same record.
 *   profile, scope, token    the group with the greater stamp wins as a whole, also where its fields are empty
 *   unionid                  non-empty beats empty; among non-empty the greater stamp wins
 *   sex                      1 and 2 beat 0 (unknown); among known the greater stamp wins
 *   region                   province, city, country as one; any non-empty beats all empty; then the greater stamp
 *                            (an empty unionid, sex 0 and an empty region say nothing: a plugin does not keep them, nor their stamps)
 *   first_seen_us            the smaller            last_seen_us   the greater
 * A tombstone takes the groups whose stamps are at or before its own, whichever of the two arrives first; where nothing newer is left
 * (last_seen_us included) the person is gone, and the write is WEIGATE_ITEM_ERASED. Where something is, first_seen_us starts anew behind
 * the tombstone. Stamps, first_seen_us and last_seen_us are later than 1970 and at most WEIGATE_FUTURE_MAX_US ahead of the host's clock,
 * else the item is refused. */
struct weigate_person {
  uint32_t struct_size;
  uint32_t has; /* WEIGATE_PERSON_… */
  struct weigate_text appid;
  struct weigate_text openid;
  int64_t first_seen_us;
  int64_t last_seen_us;

  struct weigate_stamp profile_stamp;
  struct weigate_text nickname;
  struct weigate_text headimgurl;
  struct weigate_text privilege; /* JSON array of strings; "" counts as [] */
  struct weigate_text language;
  struct weigate_text raw;       /* JSON object or "" */

  struct weigate_stamp scope_stamp;
  struct weigate_text scope;

  struct weigate_stamp unionid_stamp;
  struct weigate_text unionid;

  struct weigate_stamp sex_stamp;
  int32_t sex; /* 0 unknown, 1 male, 2 female */
  uint32_t reserved;

  struct weigate_stamp region_stamp;
  struct weigate_text province;
  struct weigate_text city;
  struct weigate_text country;

  struct weigate_stamp token_stamp;
  struct weigate_text token_sealed;  /* opaque bytes, any value */
  int64_t token_access_expires_us;
  int64_t token_refresh_expires_us;  /* the sealed token may be dropped after it */

  struct weigate_stamp erased_stamp; /* with WEIGATE_PERSON_ERASED */
  uint8_t erased_hash[32];           /* host->digest of appid, a NUL byte, openid: all that is left of the key */

  uint64_t login_count; /* with WEIGATE_PERSON_COUNTS; derived from events that were really inserted, never incremented by a write */
  uint64_t login_days;
  int64_t last_login_us;
};

/* --- sign-in events ---------------------------------------------------------------------------------------------------------- */

#define WEIGATE_EVENT_LOGIN 0x01u    /* a completed sign-in of this person: counts towards login_count and login_days (without an
                                      * openid: of somebody who was erased since, and counts for nobody) */
#define WEIGATE_EVENT_SNAPSHOT 0x02u /* a virtual visitor of WeChat's snapshot mode: no openid, never a person */

/* How one sign-in ended. Idempotent by (event_at_us, event_id), both made once by the host (the time comes first so that stores can part
 * events by it): the second insert changes nothing and counts nothing. An event of an erased person from before the erasure is kept without
 * its openid. */
struct weigate_event {
  uint32_t struct_size;
  uint32_t flags; /* WEIGATE_EVENT_… */
  uint8_t event_id[16];
  int64_t event_at_us;
  int32_t event_day;             /* days since 1970-01-01 in the account's time zone */
  int32_t errcode;               /* WeChat's, or 0 */
  uint32_t latency_ms;           /* from the callback's arrival to the record */
  uint32_t reserved;
  struct weigate_text appid;
  struct weigate_text openid;    /* "" where nobody was signed in */
  struct weigate_text outcome;   /* a word of the outcome table */
  struct weigate_text stage;     /* where it ended: claim, token, profile, done */
  struct weigate_text scope;
  struct weigate_text channel;   /* wechat, qr, qrconnect, spa */
  struct weigate_text network;
  struct weigate_text node;      /* which host wrote it */
};

/* --- tickets (types; calls in the extension below) ------------------------------------------------------------------------- */

#define WEIGATE_TICKET_DURABLE 0x01u /* must survive a power cut (a revocation); otherwise a process crash is enough (a code claim) */

/* A note under (kind, key) that is gone after expires_at_us. Its value is opaque bytes, sealed by the host where it matters. */
struct weigate_ticket {
  uint32_t struct_size;
  uint32_t flags; /* WEIGATE_TICKET_… */
  struct weigate_text kind; /* a word: code, state, revoke, handover */
  struct weigate_text key;
  struct weigate_text value;
  int64_t expires_at_us;
};

/* --- batches ------------------------------------------------------------------------------------------------------------------ */

/* One finished sign-in: each part may be NULL. All parts of one item become visible together. */
struct weigate_signin {
  uint32_t struct_size;
  uint32_t reserved;
  const struct weigate_person *person; /* merged; its stamps are those of this write */
  const struct weigate_event *event;
  const struct weigate_ticket *ticket; /* replaces the ticket under its key: what the second hit of the same code is told */
};

struct weigate_signins {
  uint32_t struct_size;
  uint32_t stride; /* bytes from one item to the next */
  size_t count;    /* 0 to WEIGATE_BATCH_MAX */
  const struct weigate_signin *items;
};

struct weigate_people {
  uint32_t struct_size;
  uint32_t stride;
  size_t count;
  const struct weigate_person *items;
};

struct weigate_key {
  uint32_t struct_size;
  uint32_t reserved;
  struct weigate_text appid;
  struct weigate_text openid;
};

struct weigate_keys {
  uint32_t struct_size;
  uint32_t stride;
  size_t count;
  const struct weigate_key *items;
};

struct weigate_tickets {
  uint32_t struct_size;
  uint32_t stride;
  size_t count;
  const struct weigate_ticket *items;
};

enum weigate_item {
  WEIGATE_ITEM_UNKNOWN = 0,   /* not decided: what the host puts there before the call */
  WEIGATE_ITEM_NEW = 1,       /* a record that was not there */
  WEIGATE_ITEM_UPDATED = 2,   /* at least one group of the write won */
  WEIGATE_ITEM_STALE = 3,     /* newer ones were there; only first and last seen may have moved */
  WEIGATE_ITEM_DUPLICATE = 4, /* this very write was there already; claim: so was this very claim, with equal value and lifetime */
  WEIGATE_ITEM_ERASED = 5,    /* older than the person's tombstone: nothing was written */
  WEIGATE_ITEM_REJECTED = 6,  /* this item breaks a limit (see field); the others went their way */
  WEIGATE_ITEM_MISSING = 7,   /* erase: there was nobody; ticket: there was none */
  WEIGATE_ITEM_TAKEN = 8      /* claim: the key was held already */
};

/* One result per item, in order, in an array of the host's. An item without a person part reports its event, or else its ticket. Where the
 * call itself fails, no result says anything. */
struct weigate_result {
  uint32_t struct_size;
  uint32_t outcome;  /* enum weigate_item */
  const char *field; /* REJECTED: the member's name, a static text */
};

/* Receives one record; `person` is NULL where key number `index` is unknown. A value other than 0 stops the call, which returns OK. */
typedef int (*weigate_person_sink)(void *context, size_t index, const struct weigate_person *person);
typedef int (*weigate_event_sink)(void *context, const struct weigate_event *event);
/* `found` is NULL where key number `index` is unknown or past its time. */
typedef int (*weigate_ticket_sink)(void *context, size_t index, const struct weigate_ticket *found);

/* One page of a scan. Records come in key order (people: appid, openid; events: event_at_us, event_id), none twice, and one that
 * is there during the whole scan is not left out. The cursor continues it, also in another process. */
struct weigate_scan {
  uint32_t struct_size;
  uint32_t want;                 /* WEIGATE_WANT_… */
  struct weigate_text appid;     /* "" for all accounts */
  struct weigate_text openid;    /* "" for all; else this person only */
  struct weigate_text unionid;   /* "" for all; else people with this unionid (people only) */
  int64_t changed_since_us;      /* 0 for all; else those whose stored record changed (by the store's own clock) at or after it */
  uint32_t limit;                /* records in this page, 1 to WEIGATE_BATCH_MAX */
  uint32_t cursor_size;          /* 0 begins */
  char cursor[WEIGATE_CURSOR_MAX]; /* in: where to go on; out: where the next page begins; cursor_size 0 out: that was all */
};

#define WEIGATE_WANT_TOKEN 0x01u  /* with sealed tokens */
#define WEIGATE_WANT_COUNTS 0x02u /* with login_count, login_days, last_login_us */
#define WEIGATE_WANT_ERASED 0x04u /* tombstones too */

/* --- health, maintenance ------------------------------------------------------------------------------------------------------ */

enum weigate_state { WEIGATE_UP = 0, WEIGATE_DEGRADED = 1, WEIGATE_STATE_READ_ONLY = 2, WEIGATE_DOWN = 3 };

struct weigate_health {
  uint32_t struct_size;
  uint32_t state; /* enum weigate_state */
  uint64_t people_estimate;
  uint64_t size_bytes;
  uint64_t free_bytes;
  uint32_t schema_version;
  uint32_t reserved;
  char text[256]; /* one sentence for the admin, terminated */
  /* Since 1.1: which server answered, and which life of it; 0: not known. Another number than before means that a standby took its
   * place, or a copy was restored: what was acknowledged shortly before may be missing, and the host sends it again. */
  uint64_t server;
};

#define WEIGATE_MAINTAIN_EXPIRE 0x01u  /* drop tickets, tokens and tombstones that are past their time */
#define WEIGATE_MAINTAIN_COMPACT 0x02u /* checkpoint, vacuum, partitions: what the store needs from time to time */

/* --- the host's services ------------------------------------------------------------------------------------------------------ */

enum weigate_log { WEIGATE_LOG_ERROR = 0, WEIGATE_LOG_WARN = 1, WEIGATE_LOG_INFO = 2, WEIGATE_LOG_DEBUG = 3 };

struct weigate_host {
  uint32_t magic;
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_minor;
  uint32_t reserved;
  void (*log)(uint32_t level, const char *text); /* one line, terminated; any thread */
  int64_t (*now_us)(void);                       /* wall clock; the only clock that stamps and lifetimes are judged by */
  uint64_t (*mono_ms)(void);                     /* for timeouts */
  int (*random)(void *bytes, size_t size);       /* 0, or -1 */
  void (*wipe)(void *bytes, size_t size);        /* clears secrets */
  void (*digest)(const void *bytes, size_t size, uint8_t ret_hash[32]); /* unkeyed BLAKE2b: the same on every host and version */
  const char *process; /* since 1.1: what to call this process to the store's admin, such as "weigate/2/1" (worker, generation) */
};

/* --- options -------------------------------------------------------------------------------------------------------------------- */

enum weigate_type {
  WEIGATE_TYPE_TEXT = 0,
  WEIGATE_TYPE_BOOL = 1,     /* yes | no; number is 1 or 0 */
  WEIGATE_TYPE_INT = 2,      /* within min..max */
  WEIGATE_TYPE_SIZE = 3,     /* 64K, 256M, 1G; number in bytes, within min..max */
  WEIGATE_TYPE_DURATION = 4, /* 250ms, 5s, 10m, 2h, 7d; number in milliseconds, within min..max */
  WEIGATE_TYPE_PATH = 5,     /* absolute */
  WEIGATE_TYPE_CHOICE = 6    /* one of the words in `choices`; number is its place */
};

#define WEIGATE_OPTION_REQUIRED 0x01u
#define WEIGATE_OPTION_SECRET 0x02u /* never logged or shown */

/* One line of [plugin NAME]. The host parses, checks, fills defaults, refuses unknown keys, and prints help from this table. */
struct weigate_option {
  uint32_t struct_size;
  uint32_t type;  /* enum weigate_type */
  uint32_t flags; /* WEIGATE_OPTION_… */
  uint32_t reserved;
  const char *name;
  const char *fallback; /* default in the option's own spelling, or NULL */
  int64_t min, max;
  const char *choices;  /* "off|auto|on", or NULL */
  const char *help;     /* one sentence */
};

/* The value of options[i] stands at values[i]. */
struct weigate_value {
  uint32_t struct_size;
  uint32_t is_set; /* given by the admin, or from the default */
  const char *text;
  int64_t number;
};

/* --- the plugin ----------------------------------------------------------------------------------------------------------------- */

enum weigate_durability {
  WEIGATE_DURABLE_PROCESS = 1, /* survives the worker */
  WEIGATE_DURABLE_OS = 2,      /* survives the processes, in the page cache */
  WEIGATE_DURABLE_DISK = 3,    /* fsynced, or committed by a server that did so */
  WEIGATE_DURABLE_REPLICA = 4
};

struct weigate_store;  /* the plugin's own */
struct weigate_handle; /* the plugin's own */

struct weigate_storage_plugin {
  uint32_t magic;       /* WEIGATE_STORAGE_MAGIC */
  uint32_t struct_size; /* sizeof of this struct in the header it was built with */
  uint16_t abi_major;   /* WEIGATE_STORAGE_ABI_MAJOR */
  uint16_t abi_minor;
  uint16_t host_minor_min; /* the oldest host it works with */
  uint16_t reserved;
  const char *name;    /* as in storage.plugin and [plugin NAME]: [a-z][a-z0-9_]* */
  const char *version;
  const char *summary; /* one sentence */
  const struct weigate_option *options;
  uint32_t option_count;
  uint32_t option_stride;
  uint32_t durability;  /* enum weigate_durability: what OK means at most */
  uint32_t writers_max; /* handles of one store on which writes run at once to advantage; 1: a single writer; 0: any */

  /* Checks the options and opens the store; no network and no writing yet where that can be avoided. */
  int (*open)(const struct weigate_host *host, const struct weigate_value *values, struct weigate_call *call,
              struct weigate_store **ret_store);
  int (*connect)(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle);
  /* Creates or upgrades tables. Optional: NULL where connect needs no help. Idempotent; two processes at once both succeed. */
  int (*setup)(struct weigate_handle *handle, struct weigate_call *call);

  int (*record_signins)(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                        struct weigate_result *results);
  /* Full records with their own stamps, for import, copy and refresh. Tombstones (WEIGATE_PERSON_ERASED) erase. */
  int (*merge_people)(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_people *batch,
                      struct weigate_result *results);
  /* Calls the sink once per key, in order. `want` as in a scan. */
  int (*load_people)(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys, uint32_t want,
                     weigate_person_sink sink, void *context);
  /* Removes profile and tokens, takes the person out of the events (they stay as numbers), leaves a tombstone with this stamp that
   * holds no personal data but a hash of the key. Erasing somebody unknown leaves one too (MISSING). */
  int (*erase_people)(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys,
                      const struct weigate_stamp *stamp, struct weigate_result *results);
  int (*scan_people)(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan, weigate_person_sink sink,
                     void *context);
  int (*scan_events)(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan, weigate_event_sink sink,
                     void *context);
  /* Asks the store itself, not a memory of it older than 1 s. */
  int (*health)(struct weigate_handle *handle, struct weigate_call *call, struct weigate_health *ret_health);
  /* WEIGATE_MAINTAIN_…; may be cut short by its timeout and called again. */
  int (*maintain)(struct weigate_handle *handle, struct weigate_call *call, uint32_t work);

  void (*disconnect)(struct weigate_handle *handle);
  void (*close)(struct weigate_store *store);

  /* NULL for an id that it does not have. May itself be NULL. */
  const void *(*extension)(const char *id);
};

typedef const struct weigate_storage_plugin *(*weigate_storage_plugin_function)(const struct weigate_host *host);

/* The one exported symbol; returns a static description, or NULL if it cannot work with this host at all. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const struct weigate_storage_plugin *weigate_storage_plugin_v1(const struct weigate_host *host);

/* --- extension: tickets ---------------------------------------------------------------------------------------------------------- */

#define WEIGATE_TICKETS_V1 "weigate.tickets.v1"

/* Without it a plugin serves one host's single worker only; the host says so at start. */
struct weigate_tickets_v1 {
  uint32_t struct_size;
  uint32_t reserved;
  /* Insert-if-absent, each item for itself: NEW, or TAKEN and the sink (may be NULL) is given what is there, or DUPLICATE where that equals
   * the claim in value and lifetime: an earlier try of the same call. A ticket past its time is absent. */
  int (*claim)(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
               struct weigate_result *results, weigate_ticket_sink sink, void *context);
  /* Inserts or replaces: NEW or UPDATED. */
  int (*put)(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
             struct weigate_result *results);
  /* kind and key of each item are read; the sink is called once per item, in order. */
  int (*get)(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *keys, weigate_ticket_sink sink,
             void *context);
  /* Like get, and removes: of two takers one gets it. With WEIGATE_TICKET_DURABLE in an item it stays removed after a power cut. */
  int (*take)(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *keys, weigate_ticket_sink sink,
              void *context);
  /* Tickets of a kind written since *cursor (0: all), at most `limit`; moves the cursor. A ticket may be given again; none is left out. */
  int (*scan)(struct weigate_handle *handle, struct weigate_call *call, struct weigate_text kind, uint64_t *cursor, uint32_t limit,
              weigate_ticket_sink sink, void *context);
};

/* --- extension: upkeep -------------------------------------------------------------------------------------------------------- */

#define WEIGATE_UPKEEP_V1 "weigate.upkeep.v1"

#define WEIGATE_MAINTAIN_DRY_RUN 0x80000000u /* with the work of maintain, in this extension only: tell, and change nothing */

/* A piece of a text; more may follow. A value other than 0 stops the call, which returns OK. */
typedef int (*weigate_text_sink)(void *context, struct weigate_text piece);

/* One thing that maintenance did, or would do. */
struct weigate_step {
  uint32_t struct_size;
  uint32_t reserved;
  struct weigate_text what;   /* a word: make, count, expire, drop */
  struct weigate_text object; /* of what: a partition, rows of a kind */
  int64_t count;              /* how many rows or days; of a partition that goes its bytes */
};
typedef int (*weigate_step_sink)(void *context, const struct weigate_step *step);

/* For stores that need more than expiring: upkeep that says what it does, and a schema whose changes somebody else may want to apply. */
struct weigate_upkeep_v1 {
  uint32_t struct_size;
  uint32_t reserved;
  /* As the plugin's maintain. Of two at once on one store the second returns BUSY and has done nothing. */
  int (*maintain)(struct weigate_handle *handle, struct weigate_call *call, uint32_t work, weigate_step_sink sink, void *context);
  /* What setup would do, in the store's own language (SQL); nothing where there is nothing to do. */
  int (*plan)(struct weigate_handle *handle, struct weigate_call *call, weigate_text_sink sink, void *context);
};

/* --- extension: privacy ------------------------------------------------------------------------------------------------------- */

#define WEIGATE_PRIVACY_V1 "weigate.privacy.v1"

/* For stores that hold more of a person than load_people and scan_events give out. */
struct weigate_privacy_v1 {
  uint32_t struct_size;
  uint32_t reserved;
  /* Everything that is stored of one person as one JSON object, sealed tokens excepted; nothing where there is nobody. */
  int (*export_person)(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_key *key, weigate_text_sink sink,
                       void *context);
};

#ifdef __cplusplus
}
#endif

#endif
