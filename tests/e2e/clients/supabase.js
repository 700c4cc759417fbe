/**
 * The callers' own client, supabase-js, with what each of them sends and reads.
 *
 *   node supabase.js none|required|optional     SEND_TWILIO_MESSAGE_AUTH
 */
'use strict';

const assert = require('node:assert/strict');
const { createClient, FunctionsHttpError } = require('@supabase/supabase-js');
const { it, run } = require('./cases');
const {
  anonKey, maintenanceRequest, person, serviceKey, sql, supabaseUrl, template, token, watch,
} = require('./world');

const sid = /^(SM|MM)[0-9a-f]{32}$/;
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The front end: the anon key, and the token of who is signed in. */
function frontEnd(user) {
  const session = user ? { accessToken: async () => user.token } : {};
  return createClient(supabaseUrl, anonKey, session);
}

/** send-unified-notification, on a server. */
const server = createClient(supabaseUrl, serviceKey, { auth: { persistSession: false } });

const useTwilioMessages = (client, body) =>
  client.functions.invoke('send-twilio-message', { body });

const useWhatsApp = (user, body, headers) =>
  frontEnd().functions.invoke('send-whatsapp', {
    body,
    headers: { Authorization: `Bearer ${user.token}`, ...headers },
  });

/** What a hook sees of a refusal: no data, and the answer in the error's context. */
async function refused({ data, error }, status, code, text) {
  assert.equal(data, null);
  assert.ok(error instanceof FunctionsHttpError, `error is ${error}`);
  assert.equal(error.name, 'FunctionsHttpError');
  assert.equal(error.context.status, status);
  const body = await error.context.json();
  assert.equal(body.success, false);
  assert.equal(body.code, code);
  if (text) assert.equal(body.error, text);
  else assert.match(body.error, /\S/);
  return { body, headers: error.context.headers };
}

function accepted({ data, error }) {
  assert.equal(error, null, error && `${error} ${error.context && error.context.status}`);
  assert.equal(data.success, true);
  assert.equal(data.error, undefined);
  return data;
}

/** The row of a message, by Twilio's name for it. */
const row = (messageSid, columns) =>
  sql(`select ${columns} from message_logs where external_id = '${messageSid}'`);

// ---------------------------------------------------------------- send-twilio-message, by nobody

function none() {
  it('send-unified-notification sends an SMS with the service key and {to, message} only', async () => {
    const [answer, posted] = await watch(() =>
      useTwilioMessages(server, { to: '01012345678', message: 'تم تعيين فني لطلبك' }));
    const data = accepted(answer);
    assert.match(data.messageSid, sid);
    assert.match(data.id, uuid);
    assert.equal(data.to, '+201012345678');
    assert.equal(data.type, 'sms');
    assert.deepEqual(posted.map((p) => [p.To, p.Body]), [['+201012345678', 'تم تعيين فني لطلبك']]);
    assert.equal(row(data.messageSid, "recipient, message_content, sender_id is null"),
      '+201012345678|تم تعيين فني لطلبك|t');
  });

  it('send-unified-notification sends WhatsApp with the service key, more often than a user may', async () => {
    const to = '+201112345678';
    const [answers, posted] = await watch(async () => {
      const all = [];
      for (let i = 0; i < 7; i++)
        all.push(await server.functions.invoke('send-whatsapp', { body: { to, message: `${i}` } }));
      return all;
    });
    for (const answer of answers) {
      const { data } = accepted(answer);
      assert.match(data.message_sid, sid);
      assert.equal(data.to, `whatsapp:${to}`);
      assert.equal(data.saved_message.sender_id, null);
      assert.equal(answer.response.headers.get('RateLimit-Limit'), null);
    }
    assert.deepEqual(posted.map((p) => p.Body), ['0', '1', '2', '3', '4', '5', '6']);
  });

  it('useWhatsApp sends a text with a picture for a maintenance request, and reads the saved row', async () => {
    const user = person();
    const body = { to: '01012345678', message: 'صورة العطل', request_id: maintenanceRequest,
      media_url: 'https://example.org/a.jpg' };
    const [answer, posted] = await watch(() => useWhatsApp(user, body));
    const { message, data } = accepted(answer);
    assert.equal(message, 'تم إرسال الرسالة بنجاح');
    assert.equal(data.status, 'queued');
    assert.equal(data.to, 'whatsapp:+201012345678');
    assert.equal(posted.length, 1);
    assert.equal(posted[0].To, 'whatsapp:+201012345678');
    assert.equal(posted[0].Body, body.message);
    assert.equal(posted[0].MediaUrl, body.media_url);
    const saved = data.saved_message;
    assert.deepEqual(
      [saved.external_id, saved.sender_id, saved.request_id, saved.recipient, saved.message_content,
        saved.message_type, saved.media_url],
      [data.message_sid, user.id, maintenanceRequest, '+201012345678', body.message, 'whatsapp',
        body.media_url]);
  });

  it('useWhatsApp may leave its optional members undefined, null or empty', async () => {
    const user = person();
    for (const absent of [undefined, null, '']) {
      const [answer, posted] = await watch(() => useWhatsApp(user,
        { to: '01012345678', message: 'مرحبا', request_id: absent, media_url: absent }));
      const { data } = accepted(answer);
      assert.equal(data.saved_message.request_id, null);
      assert.equal(data.saved_message.media_url, null);
      assert.equal(posted.length, 1);
      assert.equal(posted[0].MediaUrl, undefined);
    }
  });

  const refusals = [
    ['nobody is signed in: the anon key', { token: anonKey }, {}, 403, 'forbidden'],
    ['the token is of another project', { token: `${anonKey.slice(0, -4)}AAAA` }, {}, 401,
      'unauthorized', 'Unauthorized'],
    ['the session has expired', { token: token({ role: 'authenticated', aud: 'authenticated',
      sub: '11111111-1111-4111-8111-111111111111', exp: 1700000000 }) }, {}, 401, 'unauthorized',
    'Unauthorized'],
    ['the number is none', person(), { to: '12345' }, 400, 'invalid_phone',
      'Invalid phone number format. Use international format: +201234567890'],
    ['there is no message', person(), { message: '' }, 400, 'missing_fields',
      'Missing required fields: to, message'],
    ['the message is too long', person(), { message: 'ا'.repeat(1601) }, 400, 'invalid_message',
      'Message must be between 1 and 1600 characters'],
    ['the picture is not there by https', person(), { media_url: 'http://example.org/a.jpg' }, 400,
      'invalid_media_url'],
    ['nobody knows the maintenance request', person(),
      { request_id: '99999999-9999-4999-8999-999999999999' }, 422, 'unknown_request'],
  ];
  for (const [what, user, wrong, status, code, text] of refusals)
    it(`useWhatsApp reads from the error why it was refused: ${what}`, async () => {
      const [answer, posted] = await watch(() =>
        useWhatsApp(user, { to: '01012345678', message: 'مرحبا', ...wrong }));
      const { headers } = await refused(answer, status, code, text);
      assert.equal(headers.get('WWW-Authenticate'), status === 401 ? 'Bearer' : null);
      assert.deepEqual(posted, []);
    });

  it('useWhatsApp reads from the error what Twilio refused', async () => {
    const answer = await useWhatsApp(person(), { to: '+201012345928', message: 'مرحبا' });
    const { body } = await refused(answer, 422, 'twilio_rejected');
    assert.equal(body.twilio_code, 21610);
    assert.equal(sql(`select status, error_code from message_logs where id = '${body.id}'`),
      'failed|21610');
  });

  it('the sixth message of a minute is 429, with what a client must know to wait', async () => {
    const user = person();
    const remaining = [];
    const [answer, posted] = await watch(async () => {
      for (let i = 0; i < 5; i++) {
        const sent = await useWhatsApp(user, { to: '01012345678', message: `${i}` });
        accepted(sent);
        assert.equal(sent.response.headers.get('RateLimit-Limit'), '5');
        remaining.push(sent.response.headers.get('RateLimit-Remaining'));
      }
      return useWhatsApp(user, { to: '01012345678', message: 'one more' });
    });
    assert.deepEqual(remaining, ['4', '3', '2', '1', '0']);
    assert.equal(posted.length, 5);
    const { body, headers } = await refused(answer, 429, 'rate_limited',
      'Rate limit exceeded. Maximum 5 messages per minute.');
    assert.equal(headers.get('RateLimit-Limit'), '5');
    assert.equal(headers.get('RateLimit-Remaining'), '0');
    assert.equal(headers.get('RateLimit-Reset'), headers.get('Retry-After'));
    assert.equal(headers.get('Retry-After'), String(body.retry_after));
    assert.ok(body.retry_after >= 1 && body.retry_after <= 60, `retry_after ${body.retry_after}`);
    assert.equal(sql(`select count(*) from message_logs where sender_id = '${user.id}'`), '5');
  });

  it('a repetition with its idempotency key gets the first answer again and sends nothing', async () => {
    const user = person();
    const body = { to: '01012345678', message: 'مرة واحدة' };
    const headers = { 'Idempotency-Key': 'a-click-on-the-button' };
    const [[first, again], posted] = await watch(async () =>
      [await useWhatsApp(user, body, headers), await useWhatsApp(user, body, headers)]);
    assert.equal(posted.length, 1);
    assert.deepEqual(accepted(again).data.message_sid, accepted(first).data.message_sid);
    assert.equal(first.response.headers.get('Idempotent-Replayed'), null);
    assert.equal(again.response.headers.get('Idempotent-Replayed'), 'true');

    const other = await useWhatsApp(user, { ...body, message: 'another text' }, headers);
    await refused(other, 422, 'idempotency_mismatch');
  });

  it('twelve clicks at once with one idempotency key are one message', async () => {
    const user = person();
    const [answers, posted] = await watch(() => Promise.all(Array.from({ length: 12 }, () =>
      useWhatsApp(user, { to: '01012345678', message: 'x' }, { 'Idempotency-Key': 'clicks' }))));
    assert.equal(posted.length, 1);
    const sids = new Set();
    for (const answer of answers) {
      if (answer.error) {
        const { body, headers } = await refused(answer, 409, 'in_progress');
        assert.equal(body.retry_after, 1);
        assert.equal(headers.get('Retry-After'), '1');
      } else {
        sids.add(accepted(answer).data.message_sid);
      }
    }
    assert.equal(sids.size, 1);
  });
}

// ---------------------------------------------------------------- send-twilio-message, by users

/** What the hook sends whichever way it may; `sender` is who the row says it was. */
function hookPayloads(client, sender) {
  const send = async (body) => {
    const [answer, posted] = await watch(() => useTwilioMessages(client(), body));
    const data = accepted(answer);
    assert.match(data.messageSid, sid);
    assert.match(data.id, uuid);
    assert.equal(data.status, 'queued');
    assert.equal(posted.length, 1);
    assert.equal(posted[0].To, data.to);
    assert.equal(row(data.messageSid, "id, coalesce(sender_id::text, 'nobody'), recipient"),
      `${data.id}|${sender()}|+201012345678`);
    return { data, posted: posted[0] };
  };

  it('useTwilioMessages sends an SMS', async () => {
    const { data, posted } = await send({ to: '01012345678', message: 'تم استلام طلبك', type: 'sms',
      requestId: undefined, templateId: undefined, variables: undefined });
    assert.deepEqual([data.to, data.type], ['+201012345678', 'sms']);
    assert.equal(posted.Body, 'تم استلام طلبك');
  });

  it('useTwilioMessages sends WhatsApp for a maintenance request', async () => {
    const { data, posted } = await send({ to: '01012345678', message: 'تم استلام طلبك',
      type: 'whatsapp', requestId: maintenanceRequest });
    assert.deepEqual([data.to, data.type], ['whatsapp:+201012345678', 'whatsapp']);
    assert.equal(posted.Body, 'تم استلام طلبك');
    assert.equal(row(data.messageSid, 'request_id'), maintenanceRequest);
  });

  it("useTwilioMessages sends a template with message: ''", async () => {
    const variables = { 1: 'أحمد "فني"', 2: 42 };
    const { data, posted } = await send({ to: '01012345678', message: '', type: 'whatsapp',
      requestId: maintenanceRequest, templateId: template, variables });
    assert.equal(data.to, 'whatsapp:+201012345678');
    assert.equal(posted.ContentSid, template);
    assert.deepEqual(JSON.parse(posted.ContentVariables), { 1: 'أحمد "فني"', 2: '42' });
    assert.equal(posted.Body, undefined);
  });
}

function required() {
  let user;

  it('a user signs in', () => { user = person(); });
  hookPayloads(() => frontEnd(user), () => user.id);

  it('useTwilioMessages is told its limit', async () => {
    const answer = await useTwilioMessages(frontEnd(user), { to: '01012345678', message: 'x' });
    accepted(answer);
    assert.equal(answer.response.headers.get('RateLimit-Remaining'), '1');
    accepted(await useTwilioMessages(frontEnd(user), { to: '01012345678', message: 'x' }));
    await refused(await useTwilioMessages(frontEnd(user), { to: '01012345678', message: 'x' }), 429,
      'rate_limited', 'Rate limit exceeded. Maximum 5 messages per minute.');
  });

  it('useTwilioMessages without a session is refused: the anon key is nobody', async () => {
    const [answer, posted] = await watch(() =>
      useTwilioMessages(frontEnd(), { to: '01012345678', message: 'x' }));
    await refused(answer, 403, 'forbidden');
    assert.deepEqual(posted, []);
  });

  it('useTwilioMessages reads from the error why a template was refused', async () => {
    const answer = await useTwilioMessages(frontEnd(person()), { to: '01012345678', message: '',
      type: 'whatsapp', templateId: 'HX-welcome', variables: {} });
    await refused(answer, 400, 'invalid_template');
  });

  it('send-unified-notification still sends with the service key', async () => {
    const data = accepted(await useTwilioMessages(server, { to: '01012345678', message: 'x' }));
    assert.equal(row(data.messageSid, 'sender_id is null'), 't');
  });
}

function optional() {
  hookPayloads(() => frontEnd(), () => 'nobody');

  it('useTwilioMessages with a session sends as its user', async () => {
    const user = person();
    const answer = await useTwilioMessages(frontEnd(user), { to: '01012345678', message: 'x' });
    assert.equal(row(accepted(answer).messageSid, 'sender_id'), user.id);
  });

  it('useTwilioMessages with a token that is not valid is refused, not taken for nobody', async () => {
    const [answer, posted] = await watch(() => useTwilioMessages(
      frontEnd({ token: token({ role: 'authenticated', sub: person().id, aud: 'elsewhere' }) }),
      { to: '01012345678', message: 'x' }));
    await refused(answer, 401, 'unauthorized', 'Unauthorized');
    assert.deepEqual(posted, []);
  });
}

({ none, required, optional })[process.argv[2]]();
run();
