# SPDX-License-Identifier: Apache-2.0
"""One typical question to each view of weigate_mart, as a dashboard or an analyst asks it."""

TODAY = {
    'dau, wau, mau of today': "SELECT app, dau, wau7, mau30 FROM active_users WHERE day = clock()::date",
}

QUESTIONS = {
    'active_users': "SELECT day, app, dau, wau7, mau30, stickiness FROM active_users WHERE day >= clock()::date - 90",
    'new_users_daily': "SELECT day, app, channel, new_users FROM new_users_daily WHERE day >= clock()::date - 90",
    'retention_weekly': "SELECT cohort_week, week_no, retained_share FROM retention_weekly WHERE app_no = 0",
    'retention_day_n': "SELECT app, day_n, sum(retained_users), sum(cohort_users) FROM retention_day_n WHERE day_n IN (1, 7, 30) GROUP BY app, day_n",
    'growth_accounting_weekly': "SELECT * FROM growth_accounting_weekly WHERE app_no = 0",
    'people': "SELECT accounts, count(*) FROM people GROUP BY accounts",
    'people_as_recorded': "SELECT count(DISTINCT recorded_person_no) FROM people_as_recorded WHERE valid_from <= clock() - interval '90 days' AND (valid_to > clock() - interval '90 days' OR valid_to IS NULL)",
    'person_link_changes': "SELECT day, count(*) FROM person_link_changes WHERE is_merge AND day >= clock()::date - 30 GROUP BY day",
    'app_overlap': "SELECT app_a, app_b, people_in_both, share_of_a FROM app_overlap",
    'login_funnel_daily': "SELECT app, channel, sum(attempts), sum(signed_in) FROM login_funnel_daily WHERE day >= clock()::date - 30 GROUP BY app, channel",
    'login_errors': "SELECT day, outcome, errcode, sum(errors) FROM login_errors WHERE day >= clock()::date - 30 GROUP BY day, outcome, errcode",
    'login_latency_daily': "SELECT day, app, median_ms, p95_ms FROM login_latency_daily WHERE stage = 'done' AND day >= clock()::date - 30",
    'snapshot_share_daily': "SELECT day, app, snapshot_share FROM snapshot_share_daily WHERE day >= clock()::date - 90",
    'geo_coverage_monthly': "SELECT month, app, known_share, stale_share, median_age_days FROM geo_coverage_monthly",
    'gender_coverage_monthly': "SELECT month, app, known_share, stale_share, median_age_days FROM gender_coverage_monthly",
    'geo_distribution': "SELECT province, users, share_of_known FROM geo_distribution WHERE app_no = 1",
    'gender_distribution': "SELECT gender, users, share_of_known FROM gender_distribution WHERE app_no = 1",
    'dormant_users': "SELECT app, count(*) FROM dormant_users WHERE days_dormant >= 90 GROUP BY app",
    'l28_histogram': "SELECT app, active_days, users FROM l28_histogram",
    'profile_versions': "SELECT count(*) FROM profile_versions WHERE valid_to IS NULL AND has_unionid",
    'profile_asof(date)': "SELECT app, gender, count(*) FROM profile_asof(clock()::date - 180) GROUP BY app, gender",
    'profile_changes': "SELECT day, field, count(*) FROM profile_changes WHERE day >= clock()::date - 30 GROUP BY day, field",
    'scope_mix_daily': "SELECT day, app, scope, share FROM scope_mix_daily WHERE day >= clock()::date - 90",
    'privilege_mix': "SELECT app, privilege, users FROM privilege_mix",
    'token_expiry_forecast': "SELECT app, expires_day, tokens FROM token_expiry_forecast WHERE kind = 'refresh'",
    'data_freshness': "SELECT * FROM data_freshness",
    'data_quality': "SELECT * FROM data_quality",
    'login_heatmap': "SELECT weekday, hour, sum(logins) FROM login_heatmap WHERE app_no = 1 GROUP BY weekday, hour",
    'privacy_requests_status': "SELECT * FROM privacy_requests_status",
    'table_sizes': "SELECT * FROM table_sizes",
    'definitions': "SELECT * FROM definitions",
}
