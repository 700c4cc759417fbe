/**
 * The notifier inside Supabase: nginx/supabase/forward.ts under Deno, and the notifier's own call.
 *
 *   node forward.js PORT PORT PORT     of the function, of one that cannot reach the programs, and of
 *                                      one that knows no key of the project's
 *
 * SERVER_KEY is one of SERVER_KEYS; send-twilio-message requires a token.
 */
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { execFile, spawn } = require('node:child_process');
const { it, run } = require('./cases');
const { anonKey, base, person, post, serviceKey, sql, token, until, watch } = require('./world');

const [port, lost, keyless] = process.argv.slice(2);
const serverKey = process.env.SERVER_KEY;
const source = path.join(__dirname, '../../../nginx/supabase/forward.ts');
const supabase = `http://127.0.0.1:${port}`;
/* What the project's dashboard shows; no JWT, so that nobody but the function can have known it. */
const projectKey = 'sb_secret_of-the-project-itself';

/** The binary in the package for this machine: its own script would want to copy it. */
function findDeno() {
  const scope = path.join(process.env.NODE_PATH, '@deno');
  const [platform] = fs.readdirSync(scope).filter((name) => name.startsWith('linux-'));
  return path.join(scope, platform, 'deno');
}

const deno = findDeno();
const running = [];

function environment(more) {
  return { PATH: process.env.PATH, HOME: process.env.WORK, DENO_DIR: `${process.env.WORK}/deno`,
    DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1', SUPABASE_SERVICE_ROLE_KEY: projectKey, ...more };
}

/** The function as Supabase runs it: network and environment are all it has. */
async function serve(at, programs, more) {
  const log = fs.openSync(path.join(process.env.WORK, `forward.${at}.log`), 'w');
  const child = spawn(deno, ['run', '--no-remote', '--allow-net', '--allow-env', source], {
    stdio: ['ignore', log, log],
    env: environment({ DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${at}`, TWILIO_CGI_URL: programs,
      TWILIO_CGI_KEY: serverKey, ...more }) });
  running.push(child);
  let open = false;
  const knock = () => {
    const socket = net.connect(at, '127.0.0.1', () => { open = true; socket.destroy(); });
    socket.on('error', () => {});
    return open || child.exitCode !== null;
  };
  await until('the function', knock);
  assert.equal(child.exitCode, null, 'the function does not start');
}

/** The notifier's own call: { status, body }. */
function notify(message) {
  return new Promise((resolve, reject) => {
    execFile(deno, ['run', '--no-remote', '--allow-net', '--allow-env',
      path.join(__dirname, 'notifier.ts'), message],
    { env: environment({ SUPABASE_URL: supabase }), encoding: 'utf8' },
    (error, output) => (error ? reject(error) : resolve(JSON.parse(output))));
  });
}

const call = (name, body, headers, origin = supabase) =>
  post(`${origin}/functions/v1/${name}`, typeof body === 'string' ? body : JSON.stringify(body),
    { 'Content-Type': 'application/json', ...headers });

const bearer = (key) => ({ Authorization: `Bearer ${key}` });
const message = { to: '01012345678', message: 'مرحبا' };

/** The same request by way of the function and straight to the programs: one answer. */
async function sameAsDirect(name, body, headers, direct = headers) {
  const forwarded = await call(name, body, headers);
  const plain = await post(`${base}/${name}`, typeof body === 'string' ? body : JSON.stringify(body),
    { 'Content-Type': 'application/json', ...direct });
  assert.equal(forwarded.status, plain.status);
  assert.deepEqual(forwarded.json, plain.json);
  for (const header of ['content-type', 'cache-control', 'x-content-type-options', 'retry-after',
    'www-authenticate', 'access-control-allow-origin', 'access-control-expose-headers', 'allow'])
    assert.equal(forwarded.headers[header], plain.headers[header], header);
  return forwarded;
}

it('the function starts under Deno', () => serve(port, base));

it('the notifier sends as ever: the service key, {to, message}', async () => {
  const [answer, posted] = await watch(() => notify('تم تعيين فني لطلبك'));
  assert.equal(answer.status, 200);
  assert.equal(answer.body.success, true);
  assert.match(answer.body.messageSid, /^(SM|MM)[0-9a-f]{32}$/);
  assert.deepEqual([answer.body.to, answer.body.type], ['+201012345678', 'sms']);
  assert.deepEqual(posted.map((p) => [p.To, p.Body]), [['+201012345678', 'تم تعيين فني لطلبك']]);
  assert.equal(sql(`select sender_id is null from message_logs where id = '${answer.body.id}'`), 't');
});

it('more often than a user may, on both names', async () => {
  for (let i = 0; i < 7; i++) {
    const answer = await call(i % 2 ? 'send-whatsapp' : 'send-twilio-message', message,
      bearer(projectKey));
    assert.equal(answer.status, 200, JSON.stringify(answer.json));
    assert.equal(answer.headers['ratelimit-limit'], undefined);
  }
});

it('by the path that Supabase leaves of it', async () => {
  const answer = await post(`${supabase}/send-twilio-message`, JSON.stringify(message),
    { 'Content-Type': 'application/json', ...bearer(projectKey) });
  assert.equal(answer.status, 200);
});

it('a refusal comes back whole', async () => {
  const server = { apikey: serverKey };
  for (const [body, code] of [[{ ...message, to: '12345' }, 'invalid_phone'], ['{"to":', 'invalid_json'],
    [{ ...message, message: '' }, 'missing_fields'], [{ ...message, type: 'fax' }, 'invalid_type']]) {
    const answer = await sameAsDirect('send-twilio-message', body, bearer(projectKey), server);
    assert.equal(answer.json.code, code);
  }
});

it('what Twilio refuses comes back whole', async () => {
  const answer = await call('send-twilio-message', { ...message, to: '+15005550001' },
    bearer(projectKey));
  assert.deepEqual([answer.status, answer.json.code, answer.json.twilio_code],
    [422, 'twilio_rejected', 21211]);
});

it('the idempotency key goes there, and what it does comes back', async () => {
  const headers = { ...bearer(projectKey), 'Idempotency-Key': 'a-key', 'X-Request-Id': 'a-request-id' };
  const [[first, second], posted] = await watch(async () =>
    [await call('send-twilio-message', message, headers),
      await call('send-twilio-message', message, headers)]);
  assert.equal(posted.length, 1);
  assert.equal(first.headers['x-request-id'], 'a-request-id');
  assert.equal(first.headers['idempotent-replayed'], undefined);
  assert.equal(second.headers['idempotent-replayed'], 'true');
  assert.deepEqual(second.json, first.json);
});

it('a user is who the token says, with the limit and its headers', async () => {
  const user = person();
  for (let i = 0; i < 5; i++) {
    const answer = await call('send-twilio-message', message, bearer(user.token));
    assert.equal(answer.status, 200, JSON.stringify(answer.json));
    assert.equal(answer.headers['ratelimit-remaining'], `${4 - i}`);
    assert.equal(sql(`select sender_id from message_logs where id = '${answer.json.id}'`), user.id);
  }
  const answer = await call('send-twilio-message', message, bearer(user.token));
  assert.equal(answer.status, 429);
  assert.equal(answer.json.code, 'rate_limited');
  assert.equal(answer.headers['retry-after'], `${answer.json.retry_after}`);
});

it('nobody becomes a server by way of the function', async () => {
  const strangers = [{}, bearer(anonKey), bearer(`${projectKey}x`), bearer('undefined'), bearer(''),
    { apikey: projectKey }, { Authorization: projectKey }, bearer(token({ role: 'owner' })),
    { ...bearer(anonKey), apikey: projectKey }];
  const [, posted] = await watch(async () => {
    for (const headers of strangers) {
      const answer = await call('send-twilio-message', message, headers);
      assert.ok([401, 403].includes(answer.status), `${JSON.stringify(headers)}: ${answer.status}`);
      assert.equal(answer.json.success, false);
    }
  });
  assert.deepEqual(posted, []);
});

it('the legacy service key is a server by itself', async () => {
  assert.equal((await call('send-twilio-message', message, bearer(serviceKey))).status, 200);
});

it('another name is none of the programs', async () => {
  assert.equal((await call('send-fax', message, bearer(projectKey))).status, 404);
});

it('a function that cannot reach the programs says that nobody knows', async () => {
  await serve(lost, 'http://127.0.0.1:9/functions/v1');
  const answer = await call('send-twilio-message', message, bearer(projectKey),
    `http://127.0.0.1:${lost}`);
  assert.equal(answer.status, 504);
  assert.deepEqual(answer.json, { success: false, code: 'outcome_unknown',
    error: 'The message may have been sent. Do not send it again blindly' });
});

it('where the project has no key, nobody has it', async () => {
  await serve(keyless, base, { SUPABASE_SERVICE_ROLE_KEY: undefined });
  for (const key of ['undefined', 'null', ''])
    assert.equal((await call('send-twilio-message', message, bearer(key),
      `http://127.0.0.1:${keyless}`)).status, 401);
});

process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
run();
