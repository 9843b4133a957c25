/* SPDX-License-Identifier: Apache-2.0
 * two_stores: opens --from and --to, which must not be the same; the program's only thread. */
#include "ctl/two_stores.h"

#include "base/scope.h"
#include "ctl/progress.h"
#include "store/host.h"

/* All lines of one section of a file of at most this size. */
#define OPTIONS_MAX_BYTES LINES_TEXT_MAX_BYTES

/* Hidden in a hash, since options may hold a password. */
static void name_source(const struct plugin_settings *settings, char ret_source[SOURCE_BYTES]) {
  SCOPE_BUF struct buf text;
  uint8_t hash[32];
  buf_init(&text, OPTIONS_MAX_BYTES);
  buf_add_text(&text, settings->plugin);
  for (size_t i = 0; i < settings->options_count; i++)
    buf_addf(&text, "\n%s = %s", settings->options[i].name, settings->options[i].value);
  struct str all = buf_str(&text);
  host_services.digest(all.p, all.n, hash);
  explicit_bzero(text.data, text.len);
  text_hex_encode(ret_source, hash, (SOURCE_BYTES - 1) / 2);
}

static struct end end_of(struct people *people) {
  return (struct end){.plugin = &people->plugin,
                      .handle = &people->handle,
                      .name = people->conf->store.plugin.plugin,
                      .is_stopped = progress_is_interrupted};
}

int two_stores_open(const struct ctl *ctl, struct two_stores *ret_stores, struct err *err) {
  const char *from = ctl_text(ctl, CTL_FROM), *to = ctl_text(ctl, CTL_TO);
  if (!from || !to) return err_set(err, "name both stores: --from PLUGIN --to PLUGIN");
  if (str_eq(str_of(from), str_of(to))) return err_set(err, "--from and --to are both %s: name two stores", from);
  if (people_open_plugin(ctl, from, "--from", &ret_stores->from, err) != 0) return -1;
  if (people_open_plugin(ctl, to, "--to", &ret_stores->to, err) != 0) {
    people_close(&ret_stores->from);
    return -1;
  }
  name_source(&ret_stores->from.conf->store.plugin, ret_stores->source);
  ret_stores->from_end = end_of(&ret_stores->from);
  ret_stores->to_end = end_of(&ret_stores->to);
  return 0;
}

void two_stores_close(struct two_stores *stores) {
  people_close(&stores->to);
  people_close(&stores->from);
}
