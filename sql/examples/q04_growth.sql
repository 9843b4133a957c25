-- Question 4: who grows the base: new people, retained ones, those who came back; and who left?
-- Read it: active = new + retained + resurrected; the next week's active is this week's plus its net_change. quick_ratio above 1: it grows.
--   churned means "came last week and not this week"; many of them return as resurrected.
SELECT week, active_users, new_users, retained_users, resurrected_users, churned_users, net_change, quick_ratio
  FROM growth_accounting_weekly
  WHERE app_no = 0 AND week >= clock()::date - 63
  ORDER BY week;
