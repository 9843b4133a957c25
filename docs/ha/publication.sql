-- On weigate's database, as weigate_owner (CREATE PUBLICATION of listed tables needs no superuser). wal_level = logical.
-- What analysts get: no names, no pictures, no openids, no tokens, no networks. A column that is added later stays hidden until it is listed.
-- DDL is not replicated: apply the numbered files of sql/ to the analytics database first, then here.
CREATE PUBLICATION weigate_analytics FOR TABLE
  weigate.app,
  -- Without nickname, headimgurl, privilege, language and raw, nor their stamp. subject, which links a number to an openid, stays here.
  weigate.profile (profile_no, app_no, first_seen_at, last_seen_at, scope_at, scope_write, scope, unionid_at, unionid_write, unionid,
    sex_at, sex_write, sex, region_at, region_write, province, city, country, changed_at),
  weigate.profile_activity,
  weigate.user_day,
  -- A row filter may name columns of the key only: UPDATE and DELETE (an erasure) could not be sent otherwise, and would fail here.
  weigate.login_event (event_at, event_id, app_no, profile_no, event_day, is_login, is_snapshot, outcome, stage, errcode, latency_ms,
    scope, channel, node, recorded_at) WHERE (event_at >= '2020-01-01'),
  weigate.daily_rollup
  -- Months flow under their table's name: a new one here needs no word, and the analytics database parts its own as it likes.
  WITH (publish_via_partition_root = true);
