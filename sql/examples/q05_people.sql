-- Question 5: how many distinct people do we have across our accounts, and how do the accounts overlap?
-- Read it, first table: people by the number of accounts they are known in. The sum of people is the answer; profiles are more.
-- Second: how many people we believed to have at the ends of past months (as recorded) and how many of them today's links say there were
--   (restated). The difference are people whose link between two accounts became known later.
-- Third: of an account's people, how many are known in another. A lower bound: without a unionid nobody is recognised.
SELECT accounts, count(*) AS people, accounts * count(*) AS profiles
  FROM people
  GROUP BY accounts
  ORDER BY accounts;

SELECT (m.at - interval '1 day')::date AS month_end, count(DISTINCT r.recorded_person_no) AS as_recorded, count(DISTINCT r.person_no) AS restated
  FROM generate_series(date_trunc('month', clock()) - interval '5 months', date_trunc('month', clock()), interval '1 month') AS m (at)
  JOIN people_as_recorded r ON r.valid_from <= m.at AND (r.valid_to > m.at OR r.valid_to IS NULL)
  GROUP BY m.at
  ORDER BY m.at;

SELECT app_a, app_b, people_in_a, people_in_both, round(100 * share_of_a, 1) AS percent_of_a
  FROM app_overlap
  ORDER BY app_no_a, app_no_b;
