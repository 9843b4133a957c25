-- Question 1: how many people sign in per day, week and month, and how sticky is that?
-- Read it: one row per day, all accounts together; people known in several accounts count once. today (is_open) still grows.
--   stickiness is dau / mau30: of everybody who came within 30 days, the share that came on this day.
-- One account: app_no = 1 in place of 0. Never add up days to get people: that is what wau7 and mau30 are for.
SELECT day, dau, wau7, mau30, stickiness, is_open
  FROM active_users
  WHERE app_no = 0 AND day > clock()::date - 8
  ORDER BY day DESC;
