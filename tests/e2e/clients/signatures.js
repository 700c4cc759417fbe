/**
 * Signatures, by Twilio's own package: what it signs is accepted by the webhook, what is changed
 * afterwards is not, and what the sandbox signs is valid for it.
 *
 *   node signatures.js webhook PUBLIC-URL    PUBLIC_URL as the webhook has it
 *   node signatures.js sandbox
 */
'use strict';

const assert = require('node:assert/strict');
const http = require('node:http');
const querystring = require('node:querystring');
const twilio = require('twilio');
const { getExpectedBodyHash, getExpectedTwilioSignature } = require('twilio/lib/webhooks/webhooks');
const { it, run } = require('./cases');
const { accountSid, authToken, base, post, sql, twilioUrl, until } = require('./world');

// ---------------------------------------------------------------- the webhook

const endpoint = `${base}/twilio-delivery-status`;

/** A message that Twilio has taken and nobody has heard of since. */
async function newMessage() {
  const { json } = await post(`${base}/send-twilio-message`,
    JSON.stringify({ to: '01012345678', message: 'x' }), { 'Content-Type': 'application/json' });
  assert.equal(json.success, true);
  return { id: json.id, sid: json.messageSid };
}

const callback = (sid, more) => ({
  SmsSid: sid, SmsStatus: 'delivered', MessageStatus: 'delivered', To: '+201012345678',
  MessageSid: sid, AccountSid: accountSid, From: '+15005550006', ApiVersion: '2010-04-01', ...more,
});

const deliver = (query, body, signature) => post(endpoint + query, body, {
  'Content-Type': 'application/x-www-form-urlencoded',
  ...(signature === undefined ? {} : { 'X-Twilio-Signature': signature }),
});

const events = () => sql('select count(*) from messaging.message_status_events');

/** What becomes of a callback, and whether the package itself holds it for valid. */
function acceptance(publicUrl) {
  async function accept(signedUrl, query, parameters, message) {
    const signature = getExpectedTwilioSignature(authToken, signedUrl, parameters);
    assert.ok(twilio.validateRequest(authToken, signature,
      `${publicUrl}/twilio-delivery-status${query}`, parameters), 'not valid for the package');
    const answer = await deliver(query, querystring.stringify(parameters), signature);
    assert.deepEqual([answer.status, answer.json], [200, {
      success: true, message: 'Status updated successfully',
      data: { id: message.id, external_id: message.sid, status: 'delivered' },
    }]);
    assert.equal(sql(`select status from message_logs where id = '${message.id}'`), 'delivered');
  }

  const variants = {
    'a callback of an SMS': {},
    'a callback with empty values': { ErrorCode: '', ErrorMessage: '', RawDlrDoneDate: '' },
    'a callback in Arabic and with emoji':
      { ProfileName: 'أحمد 👷', 'اسم': 'قيمة', Body: 'ا+ب & ج=د %41' },
    'a callback with a parameter twice': { 'MessagingBinding.Address': ['+1415', '+1325'] },
    'a callback with the same value twice': { Digits: ['5678', '1234', '1234'], Digit: '9' },
    'a callback with names in every case': { a: '1', B: '2', _: '3', '0': '4', AA: '5', Ab: '6' },
  };
  for (const [what, more] of Object.entries(variants))
    it(`the package signs, the webhook accepts: ${what}`, async () => {
      const message = await newMessage();
      const query = `?id=${message.id}`;
      await accept(`${publicUrl}/twilio-delivery-status${query}`, query,
        callback(message.sid, more), message);
    });

  it('the package signs, the webhook accepts: no query', async () => {
    const message = await newMessage();
    await accept(`${publicUrl}/twilio-delivery-status`, '', callback(message.sid), message);
  });

  it('the package signs, the webhook accepts: a query with more than the id, verbatim', async () => {
    const message = await newMessage();
    const query = `?x=a%20b+c%D8%A3&empty=&id=${message.id}&Z`;
    await accept(`${publicUrl}/twilio-delivery-status${query}`, query, callback(message.sid),
      message);
  });

  it('the package signs, the webhook accepts: an event before its message', async () => {
    const parameters = callback(`SM${'0123456789abcdef'.repeat(2)}`);
    const answer = await deliver('', querystring.stringify(parameters),
      getExpectedTwilioSignature(authToken, `${publicUrl}/twilio-delivery-status`, parameters));
    assert.deepEqual([answer.status, answer.json],
      [200, { success: true, message: 'Message not found, status logged' }]);
  });

  it("the package's hash of the body, in the query, stands for the parameters", async () => {
    const message = await newMessage();
    const body = querystring.stringify(callback(message.sid));
    const query = `?id=${message.id}&bodySHA256=${getExpectedBodyHash(body)}`;
    const url = `${publicUrl}/twilio-delivery-status${query}`;
    const signature = getExpectedTwilioSignature(authToken, url, null);
    assert.ok(twilio.validateRequestWithBody(authToken, signature, url, body));
    const forged = body.replace('delivered', 'failed');
    assert.equal((await deliver(query, forged, signature)).status, 403);
    assert.equal((await deliver(query, body, signature)).status, 200);
  });
}

/** The same address with the port that its scheme has anyway. */
const withPort = (url) => url.replace(/^(https?):\/\/([^/:]+)\//,
  (whole, scheme, host) => `${scheme}://${host}:${scheme === 'https' ? 443 : 80}/`);

function defaultPort(publicUrl) {
  for (const [how, change] of [['without', (url) => url], ['with', withPort]])
    it(`a callback to ${publicUrl} signed ${how} the default port is accepted`, async () => {
      const parameters = callback((await newMessage()).sid);
      const url = change(`${publicUrl}/twilio-delivery-status`);
      assert.equal(url !== `${publicUrl}/twilio-delivery-status`, how === 'with');
      const signature = getExpectedTwilioSignature(authToken, url, parameters);
      const answer = await deliver('', querystring.stringify(parameters), signature);
      assert.equal(answer.status, 200);
      assert.equal(answer.json.message, 'Status updated successfully');
    });

  it(`a callback to another port of ${publicUrl} is refused`, async () => {
    const parameters = callback((await newMessage()).sid);
    const url = withPort(`${publicUrl}/twilio-delivery-status`).replace(/:(\d+)\//, ':1$1/');
    const answer = await deliver('', querystring.stringify(parameters),
      getExpectedTwilioSignature(authToken, url, parameters));
    assert.deepEqual([answer.status, answer.json.code], [403, 'invalid_signature']);
  });
}

function refusals(publicUrl) {
  const url = `${publicUrl}/twilio-delivery-status`;
  const sign = (parameters, query = '', token = authToken, to = url) =>
    getExpectedTwilioSignature(token, to + query, parameters);
  const form = querystring.stringify;

  /** Each gives [query, body, signature] of a message's callback `p`. */
  const tampered = {
    'another status': (p) => ['', form({ ...p, MessageStatus: 'failed' }), sign(p)],
    'another message': (p) => ['', form({ ...p, MessageSid: `SM${'f'.repeat(32)}` }), sign(p)],
    'a parameter more': (p) => ['', form({ ...p, ErrorCode: '30003' }), sign(p)],
    'an empty parameter more': (p) => ['', `${form(p)}&X=`, sign(p)],
    'a parameter less': ({ SmsStatus, ...rest }) => ['', form(rest), sign({ SmsStatus, ...rest })],
    'another value beside the signed one': (p) => ['', `${form(p)}&MessageStatus=failed`, sign(p)],
    'a query that was not signed': (p) => ['?id=1', form(p), sign(p)],
    'a query that was signed and is not there': (p) => ['', form(p), sign(p, '?id=1')],
    'another query': (p) => ['?id=2', form(p), sign(p, '?id=1')],
    'another token': (p) => ['', form(p), sign(p, '', `${authToken.slice(0, -1)}1`)],
    'another path': (p) => ['', form(p), sign(p, '', authToken, `${publicUrl}/send-whatsapp`)],
    'another host': (p) => ['', form(p),
      sign(p, '', authToken, url.replace(/\/\/[^/]*/, '//a.example'))],
    'a signature of other letter case': (p) => ['', form(p), sign(p).replace(/[a-z]/gi, (c) =>
      (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase()))],
    'a signature cut short': (p) => ['', form(p), sign(p).slice(0, -2)],
    'an empty signature': (p) => ['', form(p), ''],
    'no signature': (p) => ['', form(p), undefined],
  };
  for (const [what, tamper] of Object.entries(tampered))
    it(`what the package did not sign is refused and leaves nothing: ${what}`, async () => {
      const message = await newMessage();
      const parameters = callback(message.sid);
      const before = events();
      const answer = await deliver(...tamper(parameters));
      assert.deepEqual([answer.status, answer.json.code], [403, 'invalid_signature']);
      assert.equal(events(), before);
      // The same untouched: it was the change that was refused.
      assert.equal((await deliver('', form(parameters), sign(parameters))).status, 200);
    });
}

function webhook(publicUrl) {
  if (publicUrl !== base) {
    defaultPort(publicUrl);
    return;
  }
  acceptance(publicUrl);
  refusals(publicUrl);
}

// ---------------------------------------------------------------- the sandbox

/** Who receives the sandbox's callbacks. */
function receiver() {
  const received = [];
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      received.push({
        path: request.url,
        signature: request.headers['x-twilio-signature'],
        type: request.headers['content-type'],
        parameters: querystring.parse(Buffer.concat(chunks).toString()),
      });
      response.end();
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve({ received, port: server.address().port }));
  });
}

const basic = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;

async function create(parameters) {
  const resource = `${twilioUrl}/2010-04-01/Accounts/${accountSid}/Messages.json`;
  const { status, json } = await post(resource, querystring.stringify(parameters),
    { Authorization: basic, 'Content-Type': 'application/x-www-form-urlencoded' });
  assert.equal(status, 201, JSON.stringify(json));
  return json.sid;
}

function sandbox() {
  const sms = { From: '+15005550006', Body: 'مرحبا 👷' };
  const whatsapp = { From: 'whatsapp:+14155238886', Body: 'مرحبا 👷' };
  const id = 'id=01234567-89ab-4def-8123-456789abcdef';
  const messages = [
    ['an SMS that arrives', { ...sms, To: '+201012345678' }, `/a?${id}#rc=5&rp=all`,
      ['sent', 'delivered']],
    ['WhatsApp that is read', { ...whatsapp, To: 'whatsapp:+201012345678' }, `/a/b?${id}`,
      ['sent', 'delivered', 'read']],
    ['a URL without a query', { ...sms, To: '+201012345678' }, '/', ['sent', 'delivered']],
    ['a query with escapes', { ...sms, To: '+201012345678' }, '/a?x=a%20b+c%D8%A3&y=&Z',
      ['sent', 'delivered']],
    ['a message that is not delivered', { ...sms, To: '+201012345901' }, `/a?${id}`,
      ['sent', 'undelivered']],
    ['WhatsApp that fails', { ...whatsapp, To: 'whatsapp:+201012345902' }, `/a?${id}`, ['failed']],
    ['an unknown status, with repeated and empty parameters', { ...sms, To: '+201012345933' },
      `/a?${id}`, null],
  ];

  for (const [what, message, path, statuses] of messages)
    it(`the package holds the sandbox's callbacks for valid: ${what}`, async () => {
      const { received, port } = await receiver();
      const origin = `http://127.0.0.1:${port}`;
      const sid = await create({ ...message, StatusCallback: origin + path });
      const wanted = statuses ? statuses[statuses.length - 1] : 'delivered';
      await until(`callback '${wanted}'`, () =>
        received.some(({ parameters }) => parameters.MessageStatus === wanted));

      const came = received.map(({ parameters }) => parameters.MessageStatus);
      if (statuses) {
        assert.deepEqual(came.filter((status) => statuses.includes(status)), statuses);
      } else {
        const values = received.flatMap(({ parameters }) => Object.values(parameters));
        assert.ok(values.some(Array.isArray), 'no parameter was repeated');
        assert.ok(values.includes(''), 'no parameter was empty');
      }
      for (const { path: at, type, signature, parameters } of received) {
        assert.match(type, /^application\/x-www-form-urlencoded/);
        assert.equal(at, path.replace(/#.*/, ''));
        assert.equal(parameters.MessageSid, sid);
        assert.ok(twilio.validateRequest(authToken, signature, origin + at, parameters),
          `not valid: ${JSON.stringify(parameters)}`);
        assert.ok(!twilio.validateRequest(authToken, signature, origin + at,
          { ...parameters, MessageStatus: 'forged' }));
      }
    });
}

({ webhook, sandbox })[process.argv[2]](process.argv[3]);
run();
