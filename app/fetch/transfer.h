/* SPDX-License-Identifier: Apache-2.0
 * transfer: the easy handle of a call: its options, the bytes that come, and what became of it. Inside fetch/ only; the loop's
 * thread. */
#ifndef WEIGATE_FETCH_TRANSFER_H
#define WEIGATE_FETCH_TRANSFER_H

#include "fetch/call.h"

/* The options that hold for every request of weigate, in the loop or not. Any thread. */
CURLcode transfer_set_rules(CURL *easy, const char *ca_file, struct curl_slist *headers, uint64_t connect_timeout_ms);
/* Takes an idle handle or makes one, and aims it at the call's URL; -1 without memory. */
int transfer_open(struct fetch_call *call);
/* Fills the call's reply from what curl says; before transfer_close(). */
void transfer_judge(struct fetch_call *call, CURLcode code);
/* Gives the handle back; it must have left its multi. */
void transfer_close(struct fetch_call *call);

#endif
