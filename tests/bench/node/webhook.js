// The webhook, its whole contract, as one writes it for Node: Twilio's own check of the signature, then
// record_status, then the contract's answer.
'use strict';

const fastify = require('fastify')({ logger: false });
const { Pool } = require('pg');
const { validateRequest } = require('twilio');

const { TWILIO_AUTH_TOKEN, PUBLIC_URL, LISTEN } = process.env;
const pool = new Pool();

fastify.register(require('@fastify/formbody'));
fastify.addHook('onSend', async (request, reply) => {
  reply.headers({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
});

const refuse = (reply, status, code, error) => reply.code(status).send({ success: false, error, code });

fastify.post('/node-webhook/twilio-delivery-status', async (request, reply) => {
  const at = request.url.indexOf('?');
  const url = `${PUBLIC_URL}/twilio-delivery-status${at < 0 ? '' : request.url.slice(at)}`;
  const parameters = request.body || {};
  if (!validateRequest(TWILIO_AUTH_TOKEN, request.headers['x-twilio-signature'] || '', url, parameters)) {
    return refuse(reply, 403, 'invalid_signature', 'Invalid signature');
  }
  const { MessageSid = '', MessageStatus = '', ErrorCode, ErrorMessage } = parameters;
  if (!/^(SM|MM)[0-9A-Za-z]{1,64}$/.test(MessageSid) || !/^[A-Za-z_]{1,32}$/.test(MessageStatus)) {
    return refuse(reply, 400, 'missing_fields', 'Missing required fields: MessageSid, MessageStatus');
  }
  const { rows: [row] } = await pool.query(
    'select outcome, id, external_id, status from messaging.record_status($1,$2,$3,$4,$5,$6,$7)',
    [request.query.id, MessageSid, MessageStatus, ErrorCode, ErrorMessage, JSON.stringify(parameters), null],
  );
  if (row.outcome !== 'recorded') {
    return { success: true, message: 'Message not found, status logged' };
  }
  const { id, external_id, status } = row;
  return { success: true, message: 'Status updated successfully', data: { id, external_id, status } };
});

fastify.listen({ path: LISTEN }).catch((error) => {
  console.error(error);
  process.exit(1);
});
