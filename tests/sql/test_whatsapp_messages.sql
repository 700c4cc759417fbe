-- The functions that wrote here before the programs did, on the schema as it is now. Each statement is
-- what PostgREST makes of theirs: as service_role, with every column returned.
begin;
select no_plan();

-- send-whatsapp: inserts after Twilio has answered, and selects what it inserted.
create function old_send(
    p_sid text, p_status text default 'queued', p_to text default '+201012345678', p_body text default 'نص',
    p_sender uuid default '00000000-0000-4000-8000-00000000000a', p_request uuid default null, p_media text default null)
returns whatsapp_messages language plpgsql as $$
declare
    v_row whatsapp_messages;
begin
    perform become('service_role');
    insert into whatsapp_messages (message_sid, sender_id, recipient_phone, message_body, status, request_id, media_url)
    values (p_sid, p_sender, p_to, p_body, p_status, p_request, p_media) returning * into v_row;
    perform set_config('role', 'none', true);
    return v_row;
end $$;
-- Its webhook: sets everything, to null what the status is not about, and makes the notification itself.
create function old_webhook(p_sid text, p_status text, p_at timestamptz default clock_timestamp(), p_code text default null, p_message text default null)
returns setof whatsapp_messages language plpgsql as $$
begin
    perform become('service_role');
    return query update whatsapp_messages
    set status = p_status, delivered_at = case p_status when 'delivered' then p_at end, read_at = case p_status when 'read' then p_at end,
        error_code = p_code, error_message = p_message, updated_at = p_at
    where message_sid = p_sid returning *;
    perform set_config('role', 'none', true);
end $$;
create function record(p_sid text, p_status text, p_code text default null) returns text language sql as $$
    select r.status from messaging.record_status(null, p_sid, p_status, p_code, null, '{}', null) as r $$;
create function message(p_sid text) returns message_logs language sql as $$ select m from message_logs m where m.external_id = p_sid $$;

-- inserting
select row_eq('select (w).message_sid, (w).sender_id, (w).recipient_phone, (w).message_body, (w).message_content, (w).status, (w).request_id, (w).media_url
        from old_send(''SM1'', p_request => ''00000000-0000-4000-8000-0000000000a1'', p_media => ''https://example.org/x.jpg'') as w',
    row('SM1'::text, '00000000-0000-4000-8000-00000000000a'::uuid, '+201012345678'::text, 'نص'::text, 'نص'::text, 'queued'::text,
        '00000000-0000-4000-8000-0000000000a1'::uuid, 'https://example.org/x.jpg'::text), 'an insert returns its row, under both names of the text');
select row_eq($$select recipient, message_type, message_content, provider, status, sender_id, request_id, media_url, metadata from message('SM1')$$,
    row('+201012345678'::text, 'whatsapp'::text, 'نص'::text, 'twilio'::text, 'queued'::text, '00000000-0000-4000-8000-00000000000a'::uuid,
        '00000000-0000-4000-8000-0000000000a1'::uuid, 'https://example.org/x.jpg'::text, '{}'::jsonb), 'and is a message');
select ok(w.id = m.id and w.created_at = m.created_at and w.sent_at = m.sent_at and w.updated_at = m.updated_at and m.sent_at = now() and m.created_at = now(),
    'with its id and times') from old_send('SM2') as w, lateral message(w.message_sid) as m;
select set_config('role', 'service_role', true);
select is((select count(*) from whatsapp_messages where sender_id = '00000000-0000-4000-8000-00000000000a' and created_at >= now() - interval '1 minute'),
    2::bigint, 'the old rate limit counts them');
insert into whatsapp_messages (recipient_phone, message_content, created_at) values ('+201012345679', 'described', '2026-11-01 10:00+00')
returning status, sent_at, message_body \gset
select set_config('role', 'none', true);
select is(array[:'status', :'message_body', (:'sent_at'::timestamptz = '2026-11-01 10:00+00')::text], '{pending,described,true}',
    'the other name of the text, no status, no SID: pending since it was made');
select is((old_send('SM3', p_to => 'whatsapp:+201012345678')).recipient_phone, '+201012345678', 'whatsapp: comes off the number');
select is((old_send('SM4', 'QUEUED')).status, 'queued', 'capitals are made small');
select old_send('SM5', 'dispatched');
select row_eq('select status, metadata from message(''SM5'')', row('pending'::text, '{"former_status": "dispatched"}'::jsonb), 'a word nobody knows is kept aside');
select old_send('', p_body => null), old_send('', p_body => null);
select is((select count(*) from message_logs where external_id is null and message_content = ''), 2::bigint, 'an empty SID is none, however often');
select is((old_send('SM6', p_sender => '00000000-0000-4000-8000-0000000000ff', p_request => '00000000-0000-4000-8000-0000000000fe')).message_sid, 'SM6',
    'neither sender nor request are there: no error');
select row_eq('select sender_id, request_id, metadata from message(''SM6'')', row(null::uuid, null::uuid,
    '{"sender_id": "00000000-0000-4000-8000-0000000000ff", "request_id": "00000000-0000-4000-8000-0000000000fe"}'::jsonb), 'they are in metadata');
select throws_ok($$insert into whatsapp_messages (message_sid, message_body) values ('SM7', 'x')$$, '23502', null, 'a message to nobody is still none');

-- a SID that is there already
select sent_message('SM10', p_sender => null, p_type => 'whatsapp') as id \gset
select record('SM10', 'delivered');
select row_eq('select (w).id, (w).status, (w).message_body, (w).sender_id, (w).media_url from old_send(''SM10'', p_body => ''other'', p_media => ''https://a'') as w',
    row(:'id'::uuid, 'delivered'::text, 'نص'::text, '00000000-0000-4000-8000-00000000000a'::uuid, 'https://a'::text),
    'is the same message: it learns what it lacks, its status stays');
select is((old_send('SM10', 'read')).status, 'read', 'or goes on');
select is((select count(*) from message_logs where external_id = 'SM10'), 1::bigint, 'and remains one');

-- callbacks that the new webhook had before the old function had its row
select record('SM11', 'sent'), record('SM11', 'undelivered', '63016');
select row_eq('select (w).status, (w).error_code, (w).error_message from old_send(''SM11'') as w', row('undelivered'::text, '63016'::text,
    (select meaning from messaging.twilio_errors where code = '63016')), 'are joined in, and returned');
select is((select count(*) from messaging.message_status_events e join message_logs m on m.id = e.message_log_id where m.external_id = 'SM11'), 2::bigint, 'they know their message');
select results_eq('select recipient_id, message_log_id from notifications', 'select sender_id, id from message(''SM11'')', 'and the failure is announced, once');
delete from notifications;
set local role service_role;
insert into whatsapp_messages (message_sid, recipient_phone, status, error_code) values ('SM12', '+20', 'failed', '30003');
reset role;
select ok(error_code = '30003' and error_message = 'Unreachable destination handset' and failed_at is not null, 'a failure arrives as one') from message('SM12');

-- the webhook
select row_eq('select message_sid, status, delivered_at, sender_id from old_webhook(''SM1'', ''delivered'', ''2026-11-01 10:00:07+00'')',
    row('SM1'::text, 'delivered'::text, '2026-11-01 10:00:07+00'::timestamptz, '00000000-0000-4000-8000-00000000000a'::uuid), 'an update returns its row');
select row_eq('select status, delivered_at, read_at from old_webhook(''SM1'', ''read'', ''2026-11-01 10:00:09+00'')',
    row('read'::text, '2026-11-01 10:00:07+00'::timestamptz, '2026-11-01 10:00:09+00'::timestamptz), 'read does not take delivered_at away');
select is((select status from old_webhook('SM1', 'sent')), 'read', 'a late status does not move it');
select row_eq('select status, error_code, error_message from old_webhook(''SM1'', ''failed'', p_code => ''30008'', p_message => ''x'')',
    row('read'::text, '30008'::text, 'x'::text), 'a failure after it leaves its error');
select row_eq('select status, error_code, error_message, failed_at is null, read_at from old_webhook(''SM1'', ''delivered'', ''2026-11-01 10:00:08+00'')',
    row('read'::text, '30008'::text, 'x'::text, false, '2026-11-01 10:00:09+00'::timestamptz), 'which nothing takes away');
select is((select delivered_at from message('SM1')), '2026-11-01 10:00:07+00'::timestamptz, 'nor is a time set later');
select updated_at as before from message('SM1') \gset
select is((select updated_at from old_webhook('SM1', 'read', '2026-11-01 10:00:10+00')), :'before'::timestamptz, 'what changes nothing writes nothing');
select is_empty('select from old_webhook(''SM99'', ''read'')', 'a message that is not there');
select is((select status from old_webhook('SM2', 'Delivered')), 'delivered', 'capitals');
select ok(delivered_at is not null and read_at is null, 'delivered by whatever it is called') from message('SM2');
select row_eq('select status, error_code from old_webhook(''SM2'', ''bounced'', p_code => ''63024'')', row('delivered'::text, '63024'::text),
    'a word nobody knows does not move it; its error stays');
select is((select status from old_webhook('SM3', 'failed', p_code => '', p_message => '')), 'failed', 'an empty error is none');
select ok(error_code is null and error_message is null and failed_at is not null, 'but a failure is one') from message('SM3');
select row_eq('select (w).status, (w).error_code, (w).error_message from old_webhook(''SM4'', ''undelivered'', p_code => ''30005'') as w',
    row('undelivered'::text, '30005'::text, (select meaning from messaging.twilio_errors where code = '30005')), 'a code brings its meaning');
select is_empty('select from notifications', 'what the old webhook tells it announces itself');
select record('SM3', 'failed', '30003'), record('SM3', 'undelivered', '30003');
select is_empty('select from notifications', 'nor does the new one again');
select sent_message('SM13', p_type => 'whatsapp');
select is((select status from old_webhook('SM13', 'read')), 'read', 'a message of the new function too');
set local role service_role;
update whatsapp_messages set read_at = '2026-11-01 11:00+00' where message_sid = 'SM2';
reset role;
select row_eq('select status, delivered_at, read_at from message(''SM2'')', row('delivered'::text, '2026-11-01 11:00+00'::timestamptz, '2026-11-01 11:00+00'::timestamptz),
    'a time alone is evidence too, of both');

-- an update that is not about everything
create function told(p_sid text, p_set text) returns text language plpgsql as $$
begin
    perform become('service_role');
    execute format('update whatsapp_messages set %s where message_sid = %L', p_set, p_sid);
    perform set_config('role', 'none', true);
    return (select concat_ws(' ', m.status, m.error_code, m.error_message, m.delivered_at is not null) from message(p_sid) as m);
end $$;
select old_send('SM20'), old_send('SM21');
select is(told('SM20', 'status = ''failed'', error_code = ''30003'', error_message = ''three'''), 'failed 30003 three f', 'a failure');
select is(told('SM20', 'status = ''undelivered'''), 'undelivered 30003 three f', 'a status alone brings no error');
select is(told('SM20', 'status = ''failed'', error_code = ''30001'', error_message = ''one'''), 'undelivered 30001 one f', 'so that a smaller code of the first one''s rank counts');
set local session_replication_role = replica;
update message_logs set status = 'delivered' where external_id = 'SM21';
set local session_replication_role = origin;
select is(told('SM21', 'error_code = ''63024'', error_message = ''x'''), 'delivered 63024 x f', 'an error alone tells no time');

-- any order of the old webhook's calls, with one of the new one's among them, ends the same
create function in_order(p_sid text, p_order int[]) returns text language plpgsql as $$
declare
    n int;
begin
    perform old_send(p_sid);
    foreach n in array p_order loop
        case n
        when 1 then perform old_webhook(p_sid, 'sent', '2026-11-01 10:00:01+00');
        when 2 then perform old_webhook(p_sid, 'undelivered', '2026-11-01 10:00:02+00', '30008', 'x');
        when 3 then perform old_webhook(p_sid, 'delivered', '2026-11-01 10:00:03+00');
        when 4 then perform old_webhook(p_sid, 'read', '2026-11-01 10:00:04+00');
        when 5 then perform messaging.record_status(null, p_sid, 'failed', '30003', 'y', '{}', '2026-11-01 10:00:05+00');
        end case;
    end loop;
    return (select concat_ws(' ', status, error_code, error_message, extract(second from delivered_at)::int, extract(second from read_at)::int, failed_at is not null)
        from message(p_sid));
end $$;
select is(array_agg(distinct in_order('SMorder' || a || b || c || d || e, array[a, b, c, d, e])), '{read 30008 x 3 4 t}', '120 orders, one end')
from generate_series(1, 5) as a, generate_series(1, 5) as b, generate_series(1, 5) as c, generate_series(1, 5) as d, generate_series(1, 5) as e
where (select count(distinct n) from unnest(array[a, b, c, d, e]) as n) = 5;

-- send-twilio-message: inserts into message_logs itself.
create function old_log(p_sid text, p_to text, p_type text default 'sms', p_status text default 'sent', p_sent_at timestamptz default now()) returns message_logs
language plpgsql as $$
declare
    v_row message_logs;
begin
    perform become('service_role');
    insert into message_logs (request_id, recipient, message_type, message_content, provider, status, external_id, metadata, sent_at)
    values ('00000000-0000-4000-8000-0000000000b1', p_to, p_type, 'نص', 'twilio', p_status, p_sid, '{"template": "HX1"}', p_sent_at) returning * into v_row;
    perform set_config('role', 'none', true);
    return v_row;
end $$;
select row_eq('select (l).recipient, (l).status, (l).external_id, (l).metadata, (l).sender_id from old_log(''SM50'', ''+201012345678'') as l',
    row('+201012345678'::text, 'sent'::text, 'SM50'::text, '{"template": "HX1"}'::jsonb, null::uuid), 'as ever');
select is((old_log('SM51', ' WhatsApp: +201012345678', 'whatsapp')).recipient, '+201012345678', 'whatsapp: comes off');
select row_eq('select (l).status, (l).external_id, (l).sent_at = now() from old_log('' SM52 '', ''+20'', ''sms'', ''DELIVERED'', null) as l',
    row('delivered'::text, 'SM52'::text, true), 'a status in capitals, spaces about the SID, no time');
select is((old_log('SM54', '+20', p_sent_at => null)).sent_at, now(), 'no time by itself too');
select is((old_log('SM53', '+20', 'sms', 'Bounced')).status, 'Bounced', 'a word nobody knows is left alone');
select ok((one).external_id is null and (other).external_id is null, 'two that Twilio refused, without a SID')
from (select old_log('', '+20', 'sms', 'failed') as one, old_log('', '+20', 'sms', 'failed') as other) as refused;
select ok((l).external_id is null, 'and one with nothing for it') from old_log(null, '+20') as l;
select row_eq('select (l).recipient, (l).sent_at, (l).status from old_log(null, ''whatsapp:x@example.org'', ''email'', ''SENT'', null) as l',
    row('whatsapp:x@example.org'::text, null::timestamptz, 'SENT'::text), 'others'' e-mails are theirs');
set local role service_role;
insert into message_logs (recipient, message_type, status, external_id, metadata) values
    ('+20', 'sms', 'sent', 'SM55', '"{\"template\": \"HX1\"}"'), ('+20', 'sms', 'pending', null, '[1]'), ('+20', 'sms', 'pending', null, 'null'),
    ('x@example.org', 'email', 'sent', null, '"theirs"');
update message_logs set metadata = '"again"' where external_id = 'SM10';
reset role;
select is(jsonb_agg(metadata order by metadata::text collate "C"), '["theirs", {"former_metadata": "{\"template\": \"HX1\"}"}, {"former_metadata": [1]}, {}]',
    'metadata that is no object becomes part of one, but for e-mails') from message_logs
where created_at = now() and (external_id = 'SM55' or external_id is null and metadata in ('{}', '"theirs"', '{"former_metadata": [1]}')
    and recipient in ('+20', 'x@example.org') and message_content is null);
select is((old_send('SM10', 'dispatched')).message_sid, 'SM10', 'nor does it stand in the way of the same message again');
select is((message('SM10')).metadata - 'read_at', '{"former_metadata": "again", "former_status": "dispatched"}', 'which learns what it lacks');
delete from notifications;
select record('SM50', 'failed', '30003');
select results_eq('select recipient_id, message_log_id from notifications', 'select ''00000000-0000-4000-8000-00000000000b''::uuid, id from message(''SM50'')',
    'its callbacks find it, and whoever made the request is told');
select record('SM60', 'undelivered', '30003');
select is((old_log('SM60', '+20')).external_id, 'SM60', 'a row whose callback was faster');
select row_eq('select status, error_code from message(''SM60'')', row('undelivered'::text, '30003'::text), 'has it joined in');
select lives_ok($$insert into message_logs (recipient, message_type, message_content, provider, status, external_id)
    select '+20', 'sms', 'x', 'twilio', 'sent', 'SMmany' || n from generate_series(1, 30000) n$$, 'many rows at once need no lock each');
select is((select status from old_webhook('SM51', 'delivered')), 'delivered', 'the old webhook finds its WhatsApp messages, which it never did');
select * from finish();
rollback;
