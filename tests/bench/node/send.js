// A plain send as one writes it for Node: Twilio's package, then a row. No reservation before, no
// idempotency, no limit, no look at the number.
'use strict';

const fastify = require('fastify')({ logger: false });
const { Pool } = require('pg');
const twilio = require('twilio');

const { TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_PHONE_NUMBER, TWILIO_API_URL, PUBLIC_URL, LISTEN } =
  process.env;
const pool = new Pool();
const client = twilio(TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN);
client.api.baseUrl = TWILIO_API_URL;

fastify.post('/node-send/send-twilio-message', async (request, reply) => {
  const { to, message } = request.body;
  if (!to || !message) {
    return reply.code(400).send({ success: false, error: 'Missing required fields: to, message' });
  }
  const sent = await client.messages.create({
    to, from: TWILIO_PHONE_NUMBER, body: message, statusCallback: `${PUBLIC_URL}/twilio-delivery-status`,
  });
  const { rows: [row] } = await pool.query(
    `insert into public.message_logs
       (recipient, message_type, message_content, provider, status, external_id, sent_at)
     values ($1, 'sms', $2, 'twilio', $3, $4, now()) returning id`,
    [to, message, sent.status, sent.sid],
  );
  return { success: true, messageSid: sent.sid, status: sent.status, to, type: 'sms', id: row.id };
});

fastify.listen({ path: LISTEN }).catch((error) => {
  console.error(error);
  process.exit(1);
});
