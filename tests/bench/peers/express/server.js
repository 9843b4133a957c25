// SPDX-License-Identifier: Apache-2.0
// WeChat sign-in as an application writes it with Express: state in a signed cookie, wechat-oauth for the two calls, one upsert through pg's
// pool, then a signed session cookie. Everything is left as it comes, but for the address of the API and a longer timeout, without which most
// sign-ins fail as soon as a few hundred are in flight.
'use strict';
const crypto = require('node:crypto');
const cookieParser = require('cookie-parser');
const express = require('express');
const { Pool } = require('pg');
const OAuth = require('wechat-oauth');

const { APPID, APPSECRET, API_URL, PUBLIC_URL, PORT, PGHOST } = process.env;
const secret = crypto.randomBytes(32).toString('hex');
const day = 86400e3;

const pool = new Pool({ host: PGHOST, database: 'postgres', user: 'bench' });
const tokens = new Map(); // between the two calls; what is kept goes into the table

const oauth = new OAuth(APPID, APPSECRET,
  (openid, done) => done(null, tokens.get(openid)),
  (openid, token, done) => { tokens.set(openid, token); done(null); });
oauth.setOpts({ timeout: 60000 });
const request = oauth.request;
oauth.request = (url, options, done) => request.call(oauth, url.replace('https://api.weixin.qq.com', API_URL), options, done);

const call = (method, ...values) => new Promise((resolve, reject) =>
  oauth[method](...values, (error, result) => (error ? reject(error) : resolve(result))));

const upsert = `
  INSERT INTO person (openid, unionid, nickname, sex, province, city, country, headimgurl, privilege, scope, access_token, refresh_token)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
  ON CONFLICT (openid) DO UPDATE SET unionid = excluded.unionid, nickname = excluded.nickname, sex = excluded.sex,
    province = excluded.province, city = excluded.city, country = excluded.country, headimgurl = excluded.headimgurl,
    privilege = excluded.privilege, scope = excluded.scope, access_token = excluded.access_token, refresh_token = excluded.refresh_token,
    last_seen_at = now()`;

async function store(user, token) {
  await pool.query(upsert, [user.openid, user.unionid, user.nickname, user.sex, user.province, user.city, user.country, user.headimgurl,
    JSON.stringify(user.privilege), token.scope, token.access_token, token.refresh_token]);
}

const app = express();
app.use(cookieParser(secret));

app.get('/login', (req, res) => {
  const state = crypto.randomBytes(16).toString('hex');
  res.cookie('login', state, { signed: true, httpOnly: true, sameSite: 'lax', maxAge: 600e3 });
  res.redirect(oauth.getAuthorizeURL(PUBLIC_URL + '/callback', state, 'snsapi_userinfo'));
});

app.get('/callback', async (req, res) => {
  const { code, state } = req.query;
  if (!code || !state || state !== req.signedCookies.login) return res.status(400).send('please sign in again');
  const { data: token } = await call('getAccessToken', code);
  const user = await call('getUser', token.openid);
  tokens.delete(token.openid);
  await store(user, token);
  res.clearCookie('login');
  res.cookie('session', user.openid, { signed: true, httpOnly: true, sameSite: 'lax', maxAge: 7 * day });
  res.redirect(303, '/');
});

async function main() {
  await pool.query(`CREATE TABLE IF NOT EXISTS person (
    openid text PRIMARY KEY, unionid text, nickname text, sex int, province text, city text, country text, headimgurl text,
    privilege jsonb, scope text, access_token text, refresh_token text,
    first_seen_at timestamptz DEFAULT now(), last_seen_at timestamptz DEFAULT now())`);
  app.listen(Number(PORT), '127.0.0.1', 1024, () => console.log('ready'));
}
main();
