/* SPDX-License-Identifier: Apache-2.0
 * parts: the plugin's calls, as the table in plugin.c names them; each is described in <weigate/storage.h>. */
#ifndef WEIGATE_POSTGRES_PARTS_H
#define WEIGATE_POSTGRES_PARTS_H

#include "handle.h"

int signins_record(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                   struct weigate_result *results);
int people_merge(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_people *batch,
                 struct weigate_result *results);
int people_load(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys, uint32_t want,
                weigate_person_sink sink, void *context);
int people_erase(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys,
                 const struct weigate_stamp *stamp, struct weigate_result *results);
int scan_people(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan, weigate_person_sink sink,
                void *context);
int scan_events(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan, weigate_event_sink sink,
                void *context);
int care_health(struct weigate_handle *handle, struct weigate_call *call, struct weigate_health *ret_health);
int upkeep_maintain(struct weigate_handle *handle, struct weigate_call *call, uint32_t work);

/* The extensions. */
extern const struct weigate_tickets_v1 tickets_extension;
extern const struct weigate_upkeep_v1 upkeep_extension;
extern const struct weigate_privacy_v1 privacy_extension;

#endif
