/**
 * A browser, with pages of two origins that use supabase-js's build for browsers: what CORS lets
 * them send and read.
 *
 *   node browser.js CHROMIUM any|listed|readme PORT PORT [PORT]
 *
 * The ports are the pages'. `any`: CORS_ALLOW_ORIGIN is *, SEND_TWILIO_MESSAGE_AUTH is none.
 * `listed`: the first page's origin is in the list, the second's is not, and send-twilio-message
 * requires a token. `readme`: likewise; the third port is of the rest of Supabase, behind the same web
 * server, and Twilio calls back: the page does what the README's section for front ends has.
 */
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { it, run } = require('./cases');
const { serveRest } = require('./rest');
const {
  anonKey, base, person, sql, supabaseUrl, until, watch,
} = require('./world');

const [chromium, group, ...ports] = process.argv.slice(2);
const rest = ports[2];
const work = process.env.WORK;

// ---------------------------------------------------------------- pages

/** In the page: whatever function comes is called, what it returns goes back. */
async function serveTasks() {
  for (;;) {
    const { source, argument } = await (await fetch('/task')).json();
    let outcome;
    try {
      outcome = { value: await (0, eval)(`(${source})`)(argument) };
    } catch (error) {
      outcome = { error: String(error) };
    }
    await fetch('/outcome', { method: 'POST', body: JSON.stringify(outcome) });
  }
}

const library = path.join(path.dirname(require.resolve('@supabase/supabase-js/package.json')),
  'dist/umd/supabase.js');

/** An origin, and the page there. */
class Page {
  /** `inner` is a page of another origin, held in a frame of this one. */
  constructor(port, inner) {
    this.port = port;
    this.origin = `http://127.0.0.1:${port}`;
    this.inner = inner;
    this.tasks = [];
    this.server = http.createServer((request, response) => this.answer(request, response));
  }

  open() {
    return new Promise((resolve) => { this.server.listen(this.port, '127.0.0.1', resolve); });
  }

  html() {
    const frame = this.inner ? `<iframe src="${this.inner.origin}/"></iframe>` : '';
    return `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
      <script src="/supabase.js"></script><script>(${serveTasks})()</script>${frame}`;
  }

  answer(request, response) {
    const send = (type, body) => {
      response.setHeader('Content-Type', type);
      response.end(body);
    };
    if (request.url === '/') send('text/html', this.html());
    else if (request.url === '/supabase.js') send('text/javascript', fs.readFileSync(library));
    else if (request.url === '/task') this.await(response);
    else if (request.url === '/outcome') this.take(request, response);
    else response.writeHead(404).end();
  }

  /** The page is ready for the next task. */
  await(response) {
    this.idle = response;
    this.next();
  }

  next() {
    if (!this.idle || !this.tasks.length) return;
    this.idle.end(this.tasks[0].text);
    this.idle = null;
  }

  take(request, response) {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      response.end();
      const { value, error } = JSON.parse(Buffer.concat(chunks));
      const { resolve, reject } = this.tasks.shift();
      if (error) reject(new Error(`in the page: ${error}`));
      else resolve(value);
    });
  }

  /** Run a function of one argument in the page; both must survive being text. */
  call(task, argument) {
    return new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error('the page does not answer')), 120000).unref();
      const text = JSON.stringify({ source: String(task), argument });
      this.tasks.push({ text, resolve, reject });
      this.next();
    });
  }
}

const pageB = new Page(ports[1]);
const pageA = new Page(ports[0], pageB);
let browser;

async function openBrowser() {
  await pageB.open();
  await pageA.open();
  const home = fs.mkdtempSync(path.join(work, 'chromium.'));
  const log = fs.openSync(path.join(home, 'log'), 'w');
  browser = spawn(chromium, [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--disable-default-apps', '--disable-extensions', '--disable-dev-shm-usage',
    '--no-proxy-server', `--user-data-dir=${home}/data`, `${pageA.origin}/`,
  ], { detached: true, stdio: ['ignore', log, log], env: { ...process.env, HOME: home,
    XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home } });
  browser.on('exit', () => { browser.gone = true; });
  browser.on('error', () => { browser.gone = true; });
  process.on('exit', killBrowser);
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  await Promise.all([pageA, pageB].map((page) => page.call(() => true)));
}

function killBrowser() {
  try {
    process.kill(-browser.pid, 'SIGKILL');
  } catch {
    // It has gone by itself.
  }
}

async function closeBrowser() {
  killBrowser();
  await until('end of the browser', () => browser.gone);
}

// ---------------------------------------------------------------- what pages do

/** In the page: as the hooks call; all that script can see of the answer. */
async function invoke({ url, key, token, name, body, headers }) {
  const client = window.supabase.createClient(url, key,
    token ? { accessToken: async () => token } : {});
  const { data, error } = await client.functions.invoke(name, { body, headers });
  const seen = { data, error: error && error.name };
  if (error && error.context instanceof Response) {
    seen.status = error.context.status;
    seen.headers = Object.fromEntries(error.context.headers);
    seen.body = await error.context.json();
  }
  return seen;
}

/** In the page: a POST as fetch makes it; the headers that script can see, too. */
async function plainFetch({ url, options }) {
  const response = await fetch(url, { method: 'POST', ...options });
  return { type: response.type, status: response.status, text: await response.text(),
    headers: Object.fromEntries(response.headers) };
}

/** In the page: a form, the oldest way to post to somebody else's server. */
function submitForm({ url, body }) {
  const form = document.createElement('form');
  const field = document.createElement('input');
  const frame = document.createElement('iframe');
  frame.name = 'answer';
  // name=value as text/plain: the '=' ends up inside a JSON string.
  [field.name, field.value] = [body.slice(0, -2), body.slice(-2)];
  Object.assign(form, { method: 'POST', action: url, enctype: 'text/plain', target: 'answer' });
  form.append(field);
  document.body.append(frame, form);
  form.submit();
}

const messageTo = (more) => ({ to: '01012345678', message: 'مرحبا', ...more });

const invokeFrom = (page, name, more) =>
  page.call(invoke, { url: supabaseUrl, key: anonKey, name, body: messageTo(), ...more });

// ---------------------------------------------------------------- what the web server saw

const accessLog = path.join(work, 'web/log/access.log');

/** The requests that reached an endpoint while `action` ran: [its result, ['OPTIONS 204', …]]. */
async function overhear(name, expected, action) {
  const before = fs.statSync(accessLog).size;
  const seen = () => fs.readFileSync(accessLog).subarray(before).toString()
    .split('\n')
    .map((line) => line.match(/"(\S+) (\S+) \S+" (\d+) /))
    .filter((match) => match && match[2] === `/functions/v1/${name}`)
    .map(([, method, , status]) => `${method} ${status}`);
  const result = await action();
  await until(`${expected} in the web server's log`, () => seen().length >= expected.length);
  assert.deepEqual(seen(), expected);
  return result;
}

/** Nothing is posted to Twilio meanwhile. */
async function silently(action) {
  const [result, posted] = await watch(action);
  assert.deepEqual(posted, []);
  return result;
}

// ---------------------------------------------------------------- the cases

/** What supabase-js says when the browser did not let it ask, or see the answer. */
const blocked = { data: null, error: 'FunctionsFetchError' };

function sendsFrom(page, whose) {
  it(`a page of ${whose} sends WhatsApp: a preflight, then the request`, async () => {
    const user = person();
    const [seen, posted] = await watch(() =>
      overhear('send-whatsapp', ['OPTIONS 204', 'POST 200'], () =>
        invokeFrom(page, 'send-whatsapp', { token: user.token })));
    assert.equal(seen.error, null);
    assert.equal(seen.data.success, true);
    assert.equal(seen.data.data.saved_message.sender_id, user.id);
    assert.deepEqual(posted.map((p) => p.Body), ['مرحبا']);
  });

  it(`a page of ${whose} reads why it was refused`, async () => {
    const seen = await silently(() => invokeFrom(page, 'send-whatsapp',
      { token: person().token, body: messageTo({ to: '12345' }) }));
    assert.deepEqual([seen.error, seen.status, seen.body.code],
      ['FunctionsHttpError', 400, 'invalid_phone']);
  });

  it(`a page of ${whose} reads that nobody is signed in`, async () => {
    const seen = await silently(() => invokeFrom(page, 'send-whatsapp', { token: 'none' }));
    assert.deepEqual([seen.error, seen.status, seen.body.error],
      ['FunctionsHttpError', 401, 'Unauthorized']);
    assert.equal(seen.headers['www-authenticate'], 'Bearer');
  });

  it(`a page of ${whose} reads RateLimit-*, X-Request-Id, Idempotent-Replayed and Retry-After`, async () => {
    const { token } = person();
    const url = `${base}/send-whatsapp`;
    const post = (key) => page.call(plainFetch, { url, options: {
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', apikey: 'x',
        'X-Client-Info': 'supabase-js-web/2', 'X-Request-Id': `click-${key}`,
        'Idempotency-Key': `${key}` },
      body: JSON.stringify(messageTo()) } });

    const first = await post(1);
    assert.equal(first.status, 200);
    assert.equal(first.type, 'cors');
    assert.equal(first.headers['ratelimit-limit'], '5');
    assert.equal(first.headers['ratelimit-remaining'], '4');
    assert.equal(first.headers['ratelimit-reset'], '0');
    assert.equal(first.headers['x-request-id'], 'click-1');
    assert.equal(first.headers['idempotent-replayed'], undefined);

    const again = await silently(() => post(1));
    assert.equal(again.headers['idempotent-replayed'], 'true');
    assert.equal(JSON.parse(again.text).data.message_sid, JSON.parse(first.text).data.message_sid);

    for (const key of [2, 3, 4, 5]) assert.equal((await post(key)).status, 200);
    const late = await silently(() => post(6));
    assert.equal(late.status, 429);
    assert.equal(late.headers['ratelimit-remaining'], '0');
    assert.equal(late.headers['retry-after'], String(JSON.parse(late.text).retry_after));
  });
}

function anyOrigin() {
  sendsFrom(pageA, 'any origin');
  sendsFrom(pageB, 'another origin');

  it('no page sends through send-twilio-message under none: the preflight allows nothing', async () => {
    for (const token of [undefined, person().token])
      assert.deepEqual(await silently(() => overhear('send-twilio-message', ['OPTIONS 204'], () =>
        invokeFrom(pageA, 'send-twilio-message', { token }))), blocked);
  });

  const url = `${base}/send-twilio-message`;
  const body = JSON.stringify(messageTo());
  const simple = [
    ['a simple POST of text/plain', plainFetch,
      { url, options: { mode: 'no-cors', headers: { 'Content-Type': 'text/plain' }, body } }],
    ['a simple POST of a form', plainFetch, { url, options: { mode: 'no-cors',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body } }],
    ['a POST without a type', ({ url: to, body: text }) =>
      fetch(to, { method: 'POST', mode: 'no-cors', body: new Blob([text]) }).then(() => 0),
    { url, body }],
    ['a POST that hides its origin', plainFetch,
      { url, options: { mode: 'no-cors', referrerPolicy: 'no-referrer', body } }],
    ['a form of its own', submitForm, { url, body }],
    ['a beacon', ({ url: to, body: text }) => navigator.sendBeacon(to, text), { url, body }],
  ];
  for (const [what, task, argument] of simple)
    it(`no page sends through send-twilio-message under none: ${what} is 403`, () =>
      silently(() => overhear('send-twilio-message', ['POST 403'], () =>
        pageA.call(task, argument))));
}

function listedOrigin() {
  sendsFrom(pageA, 'a listed origin');

  it('useTwilioMessages sends from a page of a listed origin, where a token is required', async () => {
    const user = person();
    const [seen, posted] = await watch(() =>
      overhear('send-twilio-message', ['OPTIONS 204', 'POST 200'], () =>
        invokeFrom(pageA, 'send-twilio-message', { token: user.token })));
    assert.equal(seen.error, null);
    assert.equal(seen.data.success, true);
    assert.equal(posted.length, 1);
  });

  for (const name of ['send-whatsapp', 'send-twilio-message'])
    it(`a page of an origin that is not listed gets no further than the preflight: ${name}`, async () => {
      const { token } = person();
      assert.deepEqual(await silently(() => overhear(name, ['OPTIONS 204'], () =>
        invokeFrom(pageB, name, { token }))), blocked);
    });
}

// ---------------------------------------------------------------- the README's front end

/** The code in the README's section, as it stands there. */
const readme = fs.readFileSync(path.join(__dirname, '../../../README.md'), 'utf8')
  .split(/^## /m).find((section) => section.startsWith('Front end\n'));
const recipe = /^```js\n([^]*?)^```$/m.exec(readme)[1];

/** In the page: one of the recipe's functions, by somebody who is signed in. */
async function follow({ url, key, token, code, call, argument }) {
  const client = window.supabase.createClient(url, key, { accessToken: async () => token });
  const own = new Function('supabase', `${code}; return { statuses, send, report };`)(client);
  try {
    return { value: await (call === 'statuses' ? own.statuses
      : call === 'status' ? client.from('message_logs').select('status').eq('id', argument[0])
        : own[call](...argument)) };
  } catch (error) {
    return { text: error.message, ...error };
  }
}

function readmeFrontEnd() {
  const as = (user, call, ...argument) => pageA.call(follow, { url: supabaseUrl, key: anonKey,
    token: user.token, code: recipe, call, argument });
  const user = person();
  const staff = person();
  let id;

  it('the README has a label in Arabic for each of the twelve statuses', async () => {
    const { value } = await as(user, 'statuses');
    assert.deepEqual(Object.keys(value).sort(), ['accepted', 'canceled', 'delivered', 'failed',
      'pending', 'queued', 'read', 'scheduled', 'sending', 'sent', 'undelivered', 'unknown']);
    for (const label of Object.values(value)) assert.match(label, /^[\u0600-\u06ff ]+$/);
    assert.equal(new Set(Object.values(value)).size, 12);
  });

  it('a page sends as the README has it', async () => {
    for (const name of ['send-whatsapp', 'send-twilio-message']) {
      const { value } = await as(user, 'send', name, messageTo());
      assert.equal(value.success, true);
      id = value.id || value.data.saved_message.id;
      assert.equal(sql(`select sender_id from message_logs where id = '${id}'`), user.id);
    }
  });

  it('and reads the text of a refusal', async () => {
    for (const name of ['send-whatsapp', 'send-twilio-message']) {
      const seen = await as(user, 'send', name, messageTo({ to: '12345' }));
      assert.deepEqual([seen.text, seen.code],
        ['Invalid phone number format. Use international format: +201234567890', 'invalid_phone']);
    }
    const seen = await as({ token: 'none' }, 'send', 'send-twilio-message', messageTo());
    assert.deepEqual([seen.text, seen.code], ['Unauthorized', 'unauthorized']);
  });

  it('and sees the status change in message_logs, which others do not', async () => {
    const { value: labels } = await as(user, 'statuses');
    const seen = [];
    while (!['delivered', 'read'].includes(seen[seen.length - 1])) {
      const { value } = await as(user, 'status', id);
      assert.equal(value.error, null, JSON.stringify(value));
      assert.equal(value.data.length, 1);
      assert.ok(labels[value.data[0].status], value.data[0].status);
      seen.push(value.data[0].status);
      assert.ok(seen.length < 1000, `still ${seen.at(-1)}`);
    }
    assert.deepEqual((await as(person(), 'status', id)).value.data, []);
  });

  it('and its limit, with the seconds to wait', async () => {
    const hasty = person();
    for (let i = 0; i < 5; i++)
      assert.equal((await as(hasty, 'send', 'send-twilio-message', messageTo())).value.success, true);
    const seen = await as(hasty, 'send', 'send-twilio-message', messageTo());
    assert.equal(seen.code, 'rate_limited');
    assert.ok(seen.retry_after >= 1 && seen.retry_after <= 60, `${seen.retry_after}`);
  });

  if (sql("select to_regclass('public.message_timeline') is not null") === 't')
    it('staff have each report in one request, and nobody else', async () => {
      sql(`insert into user_roles (user_id, role) values ('${staff.id}', 'manager')`);
      const { value } = await as(staff, 'report', id);
      assert.deepEqual(value.map(({ error }) => error), [null, null, null]);
      const [days, , timeline] = value.map(({ data }) => data);
      assert.ok(days.some((day) => day.message_type === 'sms' && day.total >= 1 && day.delivered >= 1),
        JSON.stringify(days));
      assert.ok(timeline.some((step) => ['delivered', 'read'].includes(step.status)),
        JSON.stringify(timeline));
      for (const { data } of (await as(person(), 'report', id)).value) assert.deepEqual(data, []);
    });
}

it('a browser opens pages of two origins', openBrowser);
if (rest) it('the rest of Supabase is there', () => serveRest(rest));
({ any: anyOrigin, listed: listedOrigin, readme: readmeFrontEnd })[group]();
run(closeBrowser);
