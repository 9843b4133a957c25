/* SPDX-License-Identifier: Apache-2.0
 * check: whether what the host hands in keeps the limits of the header. Pure. */
#ifndef WEIGATE_COMMON_CHECK_H
#define WEIGATE_COMMON_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <weigate/storage.h>

/* A copy that is as long as this plugin knows the struct: members that the caller's header does not have are zero. */
struct weigate_person check_copy_person(const struct weigate_person *from);
struct weigate_event check_copy_event(const struct weigate_event *from);
struct weigate_ticket check_copy_ticket(const struct weigate_ticket *from);
struct weigate_signin check_copy_signin(const struct weigate_signin *from);
struct weigate_key check_copy_key(const struct weigate_key *from);

/* The name of the member that breaks a limit, or NULL. now_us: the host's clock. */
const char *check_person(const struct weigate_person *person, int64_t now_us);
const char *check_tombstone(const struct weigate_person *person, int64_t now_us);
const char *check_event(const struct weigate_event *event, int64_t now_us);
const char *check_ticket(const struct weigate_ticket *ticket);
const char *check_key(const struct weigate_key *key);
const char *check_stamp(const struct weigate_stamp *stamp, int64_t now_us);

/* True for a batch of a shape that can be walked. */
bool check_shape(uint32_t stride, size_t count, uint32_t least_stride);

/* Writes one result. */
void check_set_result(struct weigate_result *results, size_t index, enum weigate_item outcome, const char *field);

#endif
