/**
 * A small stand-in for Supabase's REST interface over the test's PostgreSQL: what PostgREST does for a
 * select, with the role and the claims of who asks, so that row-level security decides.
 *
 *   GET /rest/v1/TABLE?select=a,b&column=eq.value&order=column.desc&limit=n
 *
 * https://docs.postgrest.org/en/v12/references/transactions.html
 */
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');
const { sql } = require('./world');

const literal = (value) => `'${String(value).replaceAll("'", "''")}'`;
const name = (word) => {
  if (!/^[a-z_]+$/.test(word)) throw new Error(`no name: ${word}`);
  return word;
};

/** The claims of a bearer that is valid, those of nobody without one. */
function claimsOf(request) {
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization || '');
  if (!bearer) return { role: 'anon' };
  const [head, body, signature] = bearer[1].split('.');
  const right = crypto.createHmac('sha256', process.env.JWT_SECRET).update(`${head}.${body}`)
    .digest('base64url');
  if (signature !== right) throw new Error('JWT is not valid');
  return JSON.parse(Buffer.from(body, 'base64url'));
}

function statement(url) {
  const { select = '*', order, limit, ...filters } = Object.fromEntries(url.searchParams);
  const columns = select === '*' ? '*' : select.split(',').map(name).join(', ');
  const conditions = Object.entries(filters).map(([column, filter]) => {
    if (!filter.startsWith('eq.')) throw new Error(`no filter: ${filter}`);
    return `${name(column)} = ${literal(filter.slice(3))}`;
  });
  const [by, direction] = order ? order.split('.') : [];
  return [`select ${columns} from public.${name(url.pathname.split('/').pop())}`,
    conditions.length ? `where ${conditions.join(' and ')}` : '',
    by ? `order by ${name(by)} ${direction === 'desc' ? 'desc' : 'asc'}` : '',
    limit ? `limit ${Number(limit)}` : ''].join(' ');
}

function answer(request) {
  const claims = claimsOf(request);
  const rows = sql(`begin;
    select set_config('role', ${literal(name(claims.role))}, true),
      set_config('request.jwt.claims', ${literal(JSON.stringify(claims))}, true);
    select coalesce(jsonb_agg(to_jsonb(t)), '[]')
      from (${statement(new URL(request.url, 'http://localhost'))}) t;
    commit`);
  return rows.split('\n').pop();
}

/** Listens until the process ends. */
function serveRest(port) {
  const server = http.createServer((request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Allow-Headers', request.headers['access-control-request-headers'] || '*');
    response.setHeader('Content-Type', 'application/json');
    if (request.method === 'OPTIONS') return response.end();
    try {
      response.end(answer(request));
    } catch (error) {
      response.writeHead(400).end(JSON.stringify({ message: error.message }));
    }
  });
  return new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
}

module.exports = { serveRest };
