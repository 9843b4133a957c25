/* SPDX-License-Identifier: Apache-2.0
 * records: every call of <weigate/storage.h> over an ordered map (map.h). A plugin whose store is such a map puts these into its
 * table. */
#ifndef WEIGATE_COMMON_RECORDS_H
#define WEIGATE_COMMON_RECORDS_H

#include "map.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What RECORDS in a map look like; a map that says more was made by a later version. */
#define RECORDS_SCHEMA 1

/* For the plugin's connect, once its map can be used: makes the handle ready, and a fresh map too. WEIGATE_OK or a class. */
int records_connect(struct weigate_handle *handle, const struct map_ops *ops, const struct weigate_host *host,
                    struct weigate_call *call);

/* Writes the sentence (as printf) into the call in progress, native too where it is not NULL, and returns the class. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
int records_fail(struct weigate_handle *handle, int status, const char *native, const char *format, ...);

/* The plugin's calls of the same names. */
int records_record_signins(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                           struct weigate_result *results);
int records_merge_people(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_people *batch,
                         struct weigate_result *results);
int records_load_people(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys, uint32_t want,
                        weigate_person_sink sink, void *context);
int records_erase_people(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys,
                         const struct weigate_stamp *stamp, struct weigate_result *results);
int records_scan_people(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan,
                        weigate_person_sink sink, void *context);
int records_scan_events(struct weigate_handle *handle, struct weigate_call *call, struct weigate_scan *scan,
                        weigate_event_sink sink, void *context);
int records_health(struct weigate_handle *handle, struct weigate_call *call, struct weigate_health *ret_health);
int records_maintain(struct weigate_handle *handle, struct weigate_call *call, uint32_t work);

/* The tickets extension. */
extern const struct weigate_tickets_v1 records_tickets;

#ifdef __cplusplus
}
#endif

#endif
