/* SPDX-License-Identifier: Apache-2.0
 * import_record: a JSON object becomes a person for the store: one that people export wrote, or one of another system that speaks
 * WeChat's names (openid, unionid, nickname, sex, province, city, country, headimgurl, privilege). */
#ifndef WEIGATE_CTL_IMPORT_RECORD_H
#define WEIGATE_CTL_IMPORT_RECORD_H

#include "ctl/ctl.h"
#include "ctl/people.h"
#include "store/person_text.h"
#include "wechat/reply.h"

/* What a line of another system does not say itself. */
struct import_rules {
  const struct conf *conf;
  const struct ctl *ctl; /* --field */
  struct str appid;      /* "" where there are several and none was chosen */
  bool is_chosen;        /* by --account: then lines of other accounts are refused */
  int64_t observed_us;   /* when what it says was true */
};

/* One record to be stored; the slices of `person` point into the rest. */
struct import_record {
  struct weigate_person person; /* first: a batch walks records with their own stride */
  struct person_text text;
  struct wechat_profile profile;
  uint64_t line;
};

/* Reads one object. Refused with a sentence that names the member. The record stays where it is until import_record_done(). */
int import_record_read(const struct import_rules *rules, struct str json, struct import_record *record, struct err *err);
void import_record_done(struct import_record *record);

#endif
