/* SPDX-License-Identifier: Apache-2.0
 * fill: puts made people into a store, for tests that need many:
 *
 *   tests/store/fill PLUGIN OPTIONS COUNT [ERASED [REVOKED [FIRST]]]
 *
 * COUNT people from number FIRST, three sign-ins each within the last month (the last one of every hundredth just now, with its
 * ticket), the first ERASED of them erased again, and REVOKED revocations that live for an hour. OPTIONS: "path=/x;size=64M". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "made.h"
#include "store/plugin.h"

#define BATCH      256
#define CALL_MS    60000
#define ROUNDS     3
#define HOUR_US    INT64_C(3600000000)
#define OPTION_MAX 16

static struct plugin plugin;
static struct weigate_handle *handle;

static void check(const char *doing, int class, const struct weigate_call *call) {
  if (class == WEIGATE_OK) return;
  fprintf(stderr, "fill: %s: %s (%s)\n", doing, call->message, plugin_class_name(class));
  exit(1);
}

static void open_store(const char *path, char *options) {
  static struct plugin_option lines[OPTION_MAX];
  struct plugin_settings settings = {.plugin = path, .plugin_dir = "/", .options = lines, .conf_file = "fill"};
  struct err err;
  for (char *rest = options, *line; (line = strsep(&rest, ";")) && *line && settings.options_count < OPTION_MAX;) {
    char *value = strchr(line, '=');
    if (!value) continue;
    *value = '\0';
    lines[settings.options_count++] = (struct plugin_option){.name = line, .value = value + 1};
  }
  if (plugin_load(&settings, &plugin, &err) != 0) {
    fprintf(stderr, "fill: %s\n", err.text);
    exit(1);
  }
  struct weigate_call call = plugin_call(CALL_MS);
  check("connect", plugin_connect(&plugin, &call, &handle), &call);
}

static void record(struct made *made, size_t count) {
  struct weigate_signin items[BATCH];
  struct weigate_result results[BATCH];
  for (size_t i = 0; i < count; i++) {
    items[i] = made[i].signin;
    results[i] = (struct weigate_result){.struct_size = sizeof(results[i])};
  }
  struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(items[0]), .count = count, .items = items};
  struct weigate_call call = plugin_call(CALL_MS);
  check("record", plugin.desc->record_signins(handle, &call, &batch, results), &call);
  for (size_t i = 0; i < count; i++) {
    if (results[i].outcome != WEIGATE_ITEM_REJECTED) continue;
    fprintf(stderr, "fill: %s was refused\n", results[i].field);
    exit(1);
  }
}

static void record_people(uint64_t first, uint64_t count) {
  static struct made made[BATCH];
  int64_t now_us = clock_wall_us();
  size_t filled = 0;
  for (uint64_t i = 0; i < count * ROUNDS; i++) {
    uint64_t number = first + i / ROUNDS, round = i % ROUNDS;
    bool is_now = number % 100 == 0 && round == ROUNDS - 1;
    int64_t ago_us = (int64_t)(number * 7919 % 600) * HOUR_US + (int64_t)(ROUNDS - round) * 25 * HOUR_US;
    made_signin(&made[filled], number, round, is_now ? now_us - (int64_t)number : now_us - ago_us);
    if (!is_now) made[filled].signin.ticket = NULL;
    if (++filled < BATCH) continue;
    record(made, filled);
    filled = 0;
  }
  record(made, filled);
}

static void erase_people(uint64_t first, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    char openid[29];
    made_openid(first + i, openid);
    const struct weigate_key key = {
        .struct_size = sizeof(key), .appid = {MADE_APPID, strlen(MADE_APPID)}, .openid = {openid, strlen(openid)}};
    const struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(key), .count = 1, .items = &key};
    const struct weigate_stamp stamp = {.at_us = clock_wall_us(), .id = {(uint8_t)i, (uint8_t)(i >> 8)}};
    struct weigate_result result = {.struct_size = sizeof(result)};
    struct weigate_call call = plugin_call(CALL_MS);
    check("erase", plugin.desc->erase_people(handle, &call, &keys, &stamp, &result), &call);
  }
}

static void put_revocations(uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    uint8_t print[16] = {(uint8_t)i, (uint8_t)(i >> 8)};
    char key[33];
    text_hex_encode(key, print, sizeof(print));
    const struct weigate_ticket ticket = {.struct_size = sizeof(ticket),
                                          .flags = WEIGATE_TICKET_DURABLE,
                                          .kind = {"revoke", 6},
                                          .key = {key, 32},
                                          .value = {(const char *)print, 8},
                                          .expires_at_us = clock_wall_us() + HOUR_US};
    const struct weigate_tickets batch = {.struct_size = sizeof(batch), .stride = sizeof(ticket), .count = 1, .items = &ticket};
    struct weigate_result result = {.struct_size = sizeof(result)};
    struct weigate_call call = plugin_call(CALL_MS);
    check("put", plugin.tickets->put(handle, &call, &batch, &result), &call);
  }
}

static uint64_t number_at(int argc, char **argv, int place) {
  return argc > place ? strtoull(argv[place], NULL, 10) : 0;
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: fill PLUGIN OPTIONS COUNT [ERASED [REVOKED [FIRST]]]\n");
    return 2;
  }
  uint64_t first = number_at(argc, argv, 6);
  open_store(argv[1], argv[2]);
  record_people(first, number_at(argc, argv, 3));
  erase_people(first, number_at(argc, argv, 4));
  put_revocations(number_at(argc, argv, 5));
  plugin_disconnect(&plugin, handle);
  plugin_unload(&plugin);
  return 0;
}
