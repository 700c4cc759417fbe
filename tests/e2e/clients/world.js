/**
 * What a client's test knows of the system under test, told by test_clients.sh in the environment:
 * addresses, tokens, people, the database, and what reached Twilio.
 */
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const { execFileSync } = require('node:child_process');

const {
  BASE: base, TWILIO_URL: twilioUrl, TWILIO_LOG: twilioLog, TWILIO_SID: accountSid,
  TWILIO_TOKEN: authToken, JWT_SECRET: jwtSecret, CONNINFO: conninfo, TEMPLATE: template,
  MAINTENANCE_REQUEST: maintenanceRequest,
} = process.env;

/** The project's address, as a client of Supabase is given it. */
const supabaseUrl = base.replace(/\/functions\/v1$/, '');

function token(claims) {
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ exp, ...claims })}`;
  return `${signed}.${crypto.createHmac('sha256', jwtSecret).update(signed).digest('base64url')}`;
}

const anonKey = token({ role: 'anon', iss: 'supabase' });
const serviceKey = token({ role: 'service_role', iss: 'supabase' });

/** A query's first row, its columns parted by '|'. */
function sql(query) {
  return execFileSync('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', conninfo,
    '-c', query], { encoding: 'utf8' }).trim();
}

/** Somebody who has a profile, has sent nothing yet, and is signed in. */
function person() {
  const id = sql('insert into profiles default values returning id');
  return { id, token: token({ role: 'authenticated', aud: 'authenticated', sub: id }) };
}

/** The messages that are posted to Twilio while `action` runs: [its result, their parameters]. */
async function watch(action) {
  const before = fs.statSync(twilioLog).size;
  const result = await action();
  const posted = fs.readFileSync(twilioLog).subarray(before).toString().split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter((line) => line.type === 'request' && line.method === 'POST' &&
      line.path.endsWith('/Messages.json'))
    .map((line) => line.parameters);
  return [result, posted];
}

/** A plain POST: { status, headers, json }. */
function post(url, body, headers) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', headers, agent: false }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        let json;
        try {
          json = JSON.parse(text);
        } catch {
          json = text;
        }
        resolve({ status: response.statusCode, headers: response.headers, json });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** `work` on each item, a few at a time; the results in the items' order. */
async function each(items, atATime, work) {
  const results = new Array(items.length);
  let next = 0;

  async function worker() {
    while (next < items.length) {
      const i = next++;
      results[i] = await work(items[i], i);
    }
  }
  await Promise.all(Array.from({ length: atATime }, worker));
  return results;
}

/** Wait until `condition` gives something. */
async function until(what, condition) {
  const deadline = Date.now() + 60000;
  for (;;) {
    const result = condition();
    if (result) return result;
    assert.ok(Date.now() < deadline, `waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

module.exports = {
  accountSid, anonKey, authToken, base, each, maintenanceRequest, person, post, serviceKey, sql,
  supabaseUrl, template, token, twilioUrl, until, watch,
};
