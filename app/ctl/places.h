/* SPDX-License-Identifier: Apache-2.0
 * places: storage.plugin and storage.mirror, each open or not, for commands that must reach both. */
#ifndef WEIGATE_CTL_PLACES_H
#define WEIGATE_CTL_PLACES_H

#include "ctl/people.h"

#define PLACES_MAX 2

struct place {
  const char *plugin; /* as written in the configuration */
  bool is_open;
  struct people people;
  struct err err; /* why it is not open */
};

struct places {
  struct place all[PLACES_MAX]; /* the primary store first */
  size_t count;
};

/* Opens what the configuration names; conf outlives the places. One that cannot be opened is remembered with the reason. */
void places_open(const struct ctl *ctl, const struct conf *conf, struct places *ret_places);
void places_close(struct places *places);
/* "file", also of an absolute path; for people. */
const char *place_name(const struct place *place);

#endif
