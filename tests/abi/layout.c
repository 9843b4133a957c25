/* SPDX-License-Identifier: Apache-2.0
 * layout: prints where every member of the storage interface lies. layout.sh compares it with the frozen storage-v1.golden:
 * members are only ever appended. */
#include <stdio.h>
#include <weigate/storage.h>

#define STRUCT(type) printf("struct %s: %zu bytes\n", #type, sizeof(struct type))
#define MEMBER(type, member)                                                                                                     \
  printf("  %-28s at %4zu, %4zu bytes\n", #member, offsetof(struct type, member), sizeof(((struct type *)0)->member))
#define NUMBER(name) printf("%s = %lld\n", #name, (long long)(name))

static void print_limits(void) {
  NUMBER(WEIGATE_STORAGE_MAGIC);
  NUMBER(WEIGATE_STORAGE_ABI_MAJOR);
  NUMBER(WEIGATE_STORAGE_ABI_MINOR);
  NUMBER(WEIGATE_APPID_MAX);
  NUMBER(WEIGATE_OPENID_MAX);
  NUMBER(WEIGATE_UNIONID_MAX);
  NUMBER(WEIGATE_NICKNAME_MAX);
  NUMBER(WEIGATE_REGION_MAX);
  NUMBER(WEIGATE_URL_MAX);
  NUMBER(WEIGATE_PRIVILEGE_MAX);
  NUMBER(WEIGATE_SCOPE_MAX);
  NUMBER(WEIGATE_RAW_MAX);
  NUMBER(WEIGATE_WORD_MAX);
  NUMBER(WEIGATE_NETWORK_MAX);
  NUMBER(WEIGATE_SEALED_MAX);
  NUMBER(WEIGATE_TICKET_KEY_MAX);
  NUMBER(WEIGATE_TICKET_VALUE_MAX);
  NUMBER(WEIGATE_CURSOR_MAX);
  NUMBER(WEIGATE_BATCH_MAX);
  NUMBER(WEIGATE_FUTURE_MAX_US);
  NUMBER(WEIGATE_PERSON_PROFILE);
  NUMBER(WEIGATE_PERSON_SCOPE);
  NUMBER(WEIGATE_PERSON_UNIONID);
  NUMBER(WEIGATE_PERSON_SEX);
  NUMBER(WEIGATE_PERSON_REGION);
  NUMBER(WEIGATE_PERSON_TOKEN);
  NUMBER(WEIGATE_PERSON_ERASED);
  NUMBER(WEIGATE_PERSON_COUNTS);
  NUMBER(WEIGATE_EVENT_LOGIN);
  NUMBER(WEIGATE_EVENT_SNAPSHOT);
  NUMBER(WEIGATE_TICKET_DURABLE);
  NUMBER(WEIGATE_WANT_TOKEN);
  NUMBER(WEIGATE_WANT_COUNTS);
  NUMBER(WEIGATE_WANT_ERASED);
  NUMBER(WEIGATE_MAINTAIN_EXPIRE);
  NUMBER(WEIGATE_MAINTAIN_COMPACT);
  NUMBER(WEIGATE_OPTION_REQUIRED);
  NUMBER(WEIGATE_OPTION_SECRET);
}

static void print_words(void) {
  NUMBER(WEIGATE_OK);
  NUMBER(WEIGATE_INVALID);
  NUMBER(WEIGATE_UNSUPPORTED);
  NUMBER(WEIGATE_CONFIG);
  NUMBER(WEIGATE_AUTH);
  NUMBER(WEIGATE_BUSY);
  NUMBER(WEIGATE_UNAVAILABLE);
  NUMBER(WEIGATE_TIMEOUT);
  NUMBER(WEIGATE_OUTCOME_UNKNOWN);
  NUMBER(WEIGATE_FULL);
  NUMBER(WEIGATE_READ_ONLY);
  NUMBER(WEIGATE_CORRUPT);
  NUMBER(WEIGATE_SCHEMA_NEWER);
  NUMBER(WEIGATE_FAILED);
  NUMBER(WEIGATE_ITEM_UNKNOWN);
  NUMBER(WEIGATE_ITEM_NEW);
  NUMBER(WEIGATE_ITEM_UPDATED);
  NUMBER(WEIGATE_ITEM_STALE);
  NUMBER(WEIGATE_ITEM_DUPLICATE);
  NUMBER(WEIGATE_ITEM_ERASED);
  NUMBER(WEIGATE_ITEM_REJECTED);
  NUMBER(WEIGATE_ITEM_MISSING);
  NUMBER(WEIGATE_ITEM_TAKEN);
  NUMBER(WEIGATE_UP);
  NUMBER(WEIGATE_DEGRADED);
  NUMBER(WEIGATE_STATE_READ_ONLY);
  NUMBER(WEIGATE_DOWN);
  NUMBER(WEIGATE_LOG_ERROR);
  NUMBER(WEIGATE_LOG_WARN);
  NUMBER(WEIGATE_LOG_INFO);
  NUMBER(WEIGATE_LOG_DEBUG);
  NUMBER(WEIGATE_TYPE_TEXT);
  NUMBER(WEIGATE_TYPE_BOOL);
  NUMBER(WEIGATE_TYPE_INT);
  NUMBER(WEIGATE_TYPE_SIZE);
  NUMBER(WEIGATE_TYPE_DURATION);
  NUMBER(WEIGATE_TYPE_PATH);
  NUMBER(WEIGATE_TYPE_CHOICE);
  NUMBER(WEIGATE_DURABLE_PROCESS);
  NUMBER(WEIGATE_DURABLE_OS);
  NUMBER(WEIGATE_DURABLE_DISK);
  NUMBER(WEIGATE_DURABLE_REPLICA);
}

static void print_text(void) {
  STRUCT(weigate_text);
  MEMBER(weigate_text, bytes);
  MEMBER(weigate_text, size);
}

static void print_stamp(void) {
  STRUCT(weigate_stamp);
  MEMBER(weigate_stamp, at_us);
  MEMBER(weigate_stamp, id);
}

static void print_call(void) {
  STRUCT(weigate_call);
  MEMBER(weigate_call, struct_size);
  MEMBER(weigate_call, timeout_ms);
  MEMBER(weigate_call, retry_after_ms);
  MEMBER(weigate_call, native);
  MEMBER(weigate_call, message);
}

static void print_person(void) {
  STRUCT(weigate_person);
  MEMBER(weigate_person, struct_size);
  MEMBER(weigate_person, has);
  MEMBER(weigate_person, appid);
  MEMBER(weigate_person, openid);
  MEMBER(weigate_person, first_seen_us);
  MEMBER(weigate_person, last_seen_us);
  MEMBER(weigate_person, profile_stamp);
  MEMBER(weigate_person, nickname);
  MEMBER(weigate_person, headimgurl);
  MEMBER(weigate_person, privilege);
  MEMBER(weigate_person, language);
  MEMBER(weigate_person, raw);
  MEMBER(weigate_person, scope_stamp);
  MEMBER(weigate_person, scope);
  MEMBER(weigate_person, unionid_stamp);
  MEMBER(weigate_person, unionid);
  MEMBER(weigate_person, sex_stamp);
  MEMBER(weigate_person, sex);
  MEMBER(weigate_person, reserved);
  MEMBER(weigate_person, region_stamp);
  MEMBER(weigate_person, province);
  MEMBER(weigate_person, city);
  MEMBER(weigate_person, country);
  MEMBER(weigate_person, token_stamp);
  MEMBER(weigate_person, token_sealed);
  MEMBER(weigate_person, token_access_expires_us);
  MEMBER(weigate_person, token_refresh_expires_us);
  MEMBER(weigate_person, erased_stamp);
  MEMBER(weigate_person, erased_hash);
  MEMBER(weigate_person, login_count);
  MEMBER(weigate_person, login_days);
  MEMBER(weigate_person, last_login_us);
}

static void print_event(void) {
  STRUCT(weigate_event);
  MEMBER(weigate_event, struct_size);
  MEMBER(weigate_event, flags);
  MEMBER(weigate_event, event_id);
  MEMBER(weigate_event, event_at_us);
  MEMBER(weigate_event, event_day);
  MEMBER(weigate_event, errcode);
  MEMBER(weigate_event, latency_ms);
  MEMBER(weigate_event, reserved);
  MEMBER(weigate_event, appid);
  MEMBER(weigate_event, openid);
  MEMBER(weigate_event, outcome);
  MEMBER(weigate_event, stage);
  MEMBER(weigate_event, scope);
  MEMBER(weigate_event, channel);
  MEMBER(weigate_event, network);
  MEMBER(weigate_event, node);
}

static void print_ticket(void) {
  STRUCT(weigate_ticket);
  MEMBER(weigate_ticket, struct_size);
  MEMBER(weigate_ticket, flags);
  MEMBER(weigate_ticket, kind);
  MEMBER(weigate_ticket, key);
  MEMBER(weigate_ticket, value);
  MEMBER(weigate_ticket, expires_at_us);
}

static void print_signin(void) {
  STRUCT(weigate_signin);
  MEMBER(weigate_signin, struct_size);
  MEMBER(weigate_signin, reserved);
  MEMBER(weigate_signin, person);
  MEMBER(weigate_signin, event);
  MEMBER(weigate_signin, ticket);
}

static void print_signins(void) {
  STRUCT(weigate_signins);
  MEMBER(weigate_signins, struct_size);
  MEMBER(weigate_signins, stride);
  MEMBER(weigate_signins, count);
  MEMBER(weigate_signins, items);
}

static void print_people(void) {
  STRUCT(weigate_people);
  MEMBER(weigate_people, struct_size);
  MEMBER(weigate_people, stride);
  MEMBER(weigate_people, count);
  MEMBER(weigate_people, items);
}

static void print_key(void) {
  STRUCT(weigate_key);
  MEMBER(weigate_key, struct_size);
  MEMBER(weigate_key, reserved);
  MEMBER(weigate_key, appid);
  MEMBER(weigate_key, openid);
}

static void print_keys(void) {
  STRUCT(weigate_keys);
  MEMBER(weigate_keys, struct_size);
  MEMBER(weigate_keys, stride);
  MEMBER(weigate_keys, count);
  MEMBER(weigate_keys, items);
}

static void print_tickets(void) {
  STRUCT(weigate_tickets);
  MEMBER(weigate_tickets, struct_size);
  MEMBER(weigate_tickets, stride);
  MEMBER(weigate_tickets, count);
  MEMBER(weigate_tickets, items);
}

static void print_result(void) {
  STRUCT(weigate_result);
  MEMBER(weigate_result, struct_size);
  MEMBER(weigate_result, outcome);
  MEMBER(weigate_result, field);
}

static void print_scan(void) {
  STRUCT(weigate_scan);
  MEMBER(weigate_scan, struct_size);
  MEMBER(weigate_scan, want);
  MEMBER(weigate_scan, appid);
  MEMBER(weigate_scan, openid);
  MEMBER(weigate_scan, unionid);
  MEMBER(weigate_scan, changed_since_us);
  MEMBER(weigate_scan, limit);
  MEMBER(weigate_scan, cursor_size);
  MEMBER(weigate_scan, cursor);
}

static void print_health(void) {
  STRUCT(weigate_health);
  MEMBER(weigate_health, struct_size);
  MEMBER(weigate_health, state);
  MEMBER(weigate_health, people_estimate);
  MEMBER(weigate_health, size_bytes);
  MEMBER(weigate_health, free_bytes);
  MEMBER(weigate_health, schema_version);
  MEMBER(weigate_health, reserved);
  MEMBER(weigate_health, text);
  MEMBER(weigate_health, server);
}

static void print_host(void) {
  STRUCT(weigate_host);
  MEMBER(weigate_host, magic);
  MEMBER(weigate_host, struct_size);
  MEMBER(weigate_host, abi_major);
  MEMBER(weigate_host, abi_minor);
  MEMBER(weigate_host, reserved);
  MEMBER(weigate_host, log);
  MEMBER(weigate_host, now_us);
  MEMBER(weigate_host, mono_ms);
  MEMBER(weigate_host, random);
  MEMBER(weigate_host, wipe);
  MEMBER(weigate_host, digest);
  MEMBER(weigate_host, process);
}

static void print_option(void) {
  STRUCT(weigate_option);
  MEMBER(weigate_option, struct_size);
  MEMBER(weigate_option, type);
  MEMBER(weigate_option, flags);
  MEMBER(weigate_option, reserved);
  MEMBER(weigate_option, name);
  MEMBER(weigate_option, fallback);
  MEMBER(weigate_option, min);
  MEMBER(weigate_option, max);
  MEMBER(weigate_option, choices);
  MEMBER(weigate_option, help);
}

static void print_value(void) {
  STRUCT(weigate_value);
  MEMBER(weigate_value, struct_size);
  MEMBER(weigate_value, is_set);
  MEMBER(weigate_value, text);
  MEMBER(weigate_value, number);
}

static void print_storage_plugin(void) {
  STRUCT(weigate_storage_plugin);
  MEMBER(weigate_storage_plugin, magic);
  MEMBER(weigate_storage_plugin, struct_size);
  MEMBER(weigate_storage_plugin, abi_major);
  MEMBER(weigate_storage_plugin, abi_minor);
  MEMBER(weigate_storage_plugin, host_minor_min);
  MEMBER(weigate_storage_plugin, reserved);
  MEMBER(weigate_storage_plugin, name);
  MEMBER(weigate_storage_plugin, version);
  MEMBER(weigate_storage_plugin, summary);
  MEMBER(weigate_storage_plugin, options);
  MEMBER(weigate_storage_plugin, option_count);
  MEMBER(weigate_storage_plugin, option_stride);
  MEMBER(weigate_storage_plugin, durability);
  MEMBER(weigate_storage_plugin, writers_max);
  MEMBER(weigate_storage_plugin, open);
  MEMBER(weigate_storage_plugin, connect);
  MEMBER(weigate_storage_plugin, setup);
  MEMBER(weigate_storage_plugin, record_signins);
  MEMBER(weigate_storage_plugin, merge_people);
  MEMBER(weigate_storage_plugin, load_people);
  MEMBER(weigate_storage_plugin, erase_people);
  MEMBER(weigate_storage_plugin, scan_people);
  MEMBER(weigate_storage_plugin, scan_events);
  MEMBER(weigate_storage_plugin, health);
  MEMBER(weigate_storage_plugin, maintain);
  MEMBER(weigate_storage_plugin, disconnect);
  MEMBER(weigate_storage_plugin, close);
  MEMBER(weigate_storage_plugin, extension);
}

static void print_tickets_v1(void) {
  STRUCT(weigate_tickets_v1);
  MEMBER(weigate_tickets_v1, struct_size);
  MEMBER(weigate_tickets_v1, reserved);
  MEMBER(weigate_tickets_v1, claim);
  MEMBER(weigate_tickets_v1, put);
  MEMBER(weigate_tickets_v1, get);
  MEMBER(weigate_tickets_v1, take);
  MEMBER(weigate_tickets_v1, scan);
}

int main(void) {
  print_limits();
  print_words();
  print_text();
  print_stamp();
  print_call();
  print_person();
  print_event();
  print_ticket();
  print_signin();
  print_signins();
  print_people();
  print_key();
  print_keys();
  print_tickets();
  print_result();
  print_scan();
  print_health();
  print_host();
  print_option();
  print_value();
  print_storage_plugin();
  print_tickets_v1();
  return 0;
}
