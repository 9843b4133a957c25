/* SPDX-License-Identifier: Apache-2.0
 * hosts: three lists with commas become one list of hosts. At open; later read-only. */
#include "hosts.h"

#include <stdlib.h>
#include <string.h>

const char *hosts_option(const PQconninfoOption *options, const char *keyword) {
  for (const PQconninfoOption *o = options; o->keyword; o++)
    if (strcmp(o->keyword, keyword) == 0) return o->val ? o->val : "";
  return "";
}

/* Cuts the text at its commas; 0 for an empty text, HOSTS_MAX + 1 for too many. */
static size_t split(char *text, const char *parts[HOSTS_MAX]) {
  size_t count = 0;
  if (!*text) return 0;
  for (char *next = text; next;) {
    char *part = next, *comma = strchr(part, ',');
    if (count == HOSTS_MAX) return HOSTS_MAX + 1;
    if (comma) *comma = '\0';
    next = comma ? comma + 1 : NULL;
    parts[count++] = part;
  }
  return count;
}

static size_t larger(size_t a, size_t b) {
  return a > b ? a : b;
}

/* As libpq counts them: names and addresses correspond one to one, one port is for all. */
static size_t count_hosts(size_t names, size_t addresses, size_t ports) {
  size_t count = larger(names, addresses);
  if (count > HOSTS_MAX || ports > HOSTS_MAX) return 0;
  if (names && addresses && names != addresses) return 0;
  return ports <= 1 || ports == count ? count : 0;
}

int hosts_read(struct hosts *hosts, const PQconninfoOption *options) {
  const char *name = hosts_option(options, "host"), *address = hosts_option(options, "hostaddr"),
             *port = hosts_option(options, "port");
  const char *names[HOSTS_MAX], *addresses[HOSTS_MAX], *ports[HOSTS_MAX];
  size_t name_bytes = strlen(name) + 1, address_bytes = strlen(address) + 1, port_bytes = strlen(port) + 1;
  hosts->memory = malloc(name_bytes + address_bytes + port_bytes);
  if (!hosts->memory) return -1;
  char *name_copy = memcpy(hosts->memory, name, name_bytes);
  char *address_copy = memcpy(name_copy + name_bytes, address, address_bytes);
  char *port_copy = memcpy(address_copy + address_bytes, port, port_bytes);
  size_t name_count = split(name_copy, names), address_count = split(address_copy, addresses),
         port_count = split(port_copy, ports);
  hosts->count = count_hosts(name_count, address_count, port_count);
  for (size_t i = 0; i < hosts->count; i++)
    hosts->list[i] = (struct host){.name = name_count ? names[i] : "",
                                   .address = address_count ? addresses[i] : "",
                                   .port = port_count == 0   ? ""
                                           : port_count == 1 ? ports[0]
                                                             : ports[i]};
  /* It wants to see all of them before it takes one. */
  if (strcmp(hosts_option(options, "target_session_attrs"), "prefer-standby") == 0) hosts->count = 0;
  return 0;
}

void hosts_done(struct hosts *hosts) {
  free(hosts->memory);
  hosts->memory = NULL;
  hosts->count = 0;
}

static bool is_local(const char *text) {
  return text[0] == '\0' || text[0] == '/' || text[0] == '@' || strcmp(text, "localhost") == 0 || strncmp(text, "127.", 4) == 0 ||
         strcmp(text, "::1") == 0;
}

bool hosts_are_local(const struct hosts *hosts) {
  for (size_t i = 0; i < hosts->count; i++) {
    const struct host *host = &hosts->list[i];
    if (!is_local(host->address[0] ? host->address : host->name)) return false;
  }
  return true;
}
