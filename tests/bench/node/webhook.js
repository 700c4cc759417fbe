// The webhook, as one writes it for Node: Twilio's own check of the signature, then the event is recorded,
// then the contract's answer. RECORD says how: `function`, by our record_status, with all that the contract
// wants; `statements`, by what one writes who has only the tables, in six round trips.
'use strict';

const fastify = require('fastify')({ logger: false });
const { Pool } = require('pg');
const { validateRequest } = require('twilio');

const { TWILIO_AUTH_TOKEN, PUBLIC_URL, LISTEN, RECORD } = process.env;
const pool = new Pool();
pool.on('error', (error) => console.error(error.message));

fastify.register(require('@fastify/formbody'));
fastify.addHook('onSend', async (request, reply) => {
  reply.headers({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' });
});

const ranks = ['pending', 'unknown', 'accepted', 'queued', 'sending', 'sent', 'canceled', 'failed', 'undelivered',
  'delivered', 'read'];
const rank = (status) => ranks.indexOf(status === 'scheduled' ? 'accepted' : status);

async function recordByFunction(id, parameters) {
  const { MessageSid, MessageStatus, ErrorCode, ErrorMessage } = parameters;
  const { rows: [row] } = await pool.query(
    'select outcome, id, external_id, status from messaging.record_status($1,$2,$3,$4,$5,$6,$7)',
    [id, MessageSid, MessageStatus, ErrorCode, ErrorMessage, JSON.stringify(parameters), null],
  );
  return row.outcome === 'recorded' ? row : null;
}

// Without what no callback here needs, which makes it faster: notifications of failures, the order of several
// errors, the statuses and times of events that came before their message.
async function inTransaction(client, id, parameters) {
  const { MessageSid, MessageStatus, ErrorCode = null, ErrorMessage = null } = parameters;
  const { rows: [row] } = await client.query(
    `select id, status from public.message_logs
     where external_id = $1 or (id = $2 and external_id is null)
     order by external_id limit 1 for update`,
    [MessageSid, id],
  );
  await client.query(
    `insert into messaging.message_status_events (message_log_id, external_id, status, error_code, parameters)
     values ($1, $2, $3, $4, $5) on conflict do nothing`,
    [row && row.id, MessageSid, MessageStatus, ErrorCode, JSON.stringify(parameters)],
  );
  if (!row) {
    return null;
  }
  await client.query(
    `update messaging.message_status_events set message_log_id = $1
     where external_id = $2 and message_log_id is null`,
    [row.id, MessageSid],
  );
  const status = rank(MessageStatus) > rank(row.status) ? MessageStatus : row.status;
  const { rows: [after] } = await client.query(
    `update public.message_logs set status = $2, external_id = $3, updated_at = now(),
       error_code = coalesce($4, error_code), error_message = coalesce($5, error_message),
       delivered_at = case when $6 in ('delivered', 'read') then coalesce(delivered_at, now()) else delivered_at end,
       read_at = case when $6 = 'read' then coalesce(read_at, now()) else read_at end,
       failed_at = case when $6 in ('failed', 'undelivered') then coalesce(failed_at, now()) else failed_at end
     where id = $1 returning id, external_id, status`,
    [row.id, status, MessageSid, ErrorCode, ErrorMessage, MessageStatus],
  );
  return after;
}

async function recordByStatements(id, parameters) {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const row = await inTransaction(client, id, parameters);
    await client.query('commit');
    return row;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}

const record = RECORD === 'statements' ? recordByStatements : recordByFunction;

const refuse = (reply, status, code, error) => reply.code(status).send({ success: false, error, code });

fastify.post('/:service/twilio-delivery-status', async (request, reply) => {
  const at = request.url.indexOf('?');
  const url = `${PUBLIC_URL}/twilio-delivery-status${at < 0 ? '' : request.url.slice(at)}`;
  const parameters = request.body || {};
  if (!validateRequest(TWILIO_AUTH_TOKEN, request.headers['x-twilio-signature'] || '', url, parameters)) {
    return refuse(reply, 403, 'invalid_signature', 'Invalid signature');
  }
  const { MessageSid = '', MessageStatus = '' } = parameters;
  if (!/^(SM|MM)[0-9A-Za-z]{1,64}$/.test(MessageSid) || !/^[A-Za-z_]{1,32}$/.test(MessageStatus)) {
    return refuse(reply, 400, 'missing_fields', 'Missing required fields: MessageSid, MessageStatus');
  }
  const row = await record(request.query.id, parameters);
  if (!row) {
    return { success: true, message: 'Message not found, status logged' };
  }
  const { id, external_id, status } = row;
  return { success: true, message: 'Status updated successfully', data: { id, external_id, status } };
});

fastify.listen({ path: LISTEN }).catch((error) => {
  console.error(error);
  process.exit(1);
});
