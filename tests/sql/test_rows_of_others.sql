-- What others write into message_logs: their rows count nowhere, and the status is a join for them too.
begin;
select no_plan();
create function wrote(p_sid text, p_set text, p_role text default 'service_role') returns message_logs language plpgsql as $$
begin
    perform become(p_role);
    execute format('update message_logs set %s where external_id = %L', p_set, p_sid);
    perform set_config('role', 'none', true);
    return (select m from message_logs m where m.external_id = p_sid);
end $$;
create function of_meta(p_sid text, p_status text, p_metadata jsonb default '{}') returns text language plpgsql as $$
begin
    perform become('service_role');
    insert into message_logs (recipient, message_type, message_content, provider, status, external_id, metadata)
    values ('+201012345678', 'whatsapp', 'نص', 'meta', p_status, p_sid, p_metadata);
    perform set_config('role', 'none', true);
    return p_sid;
end $$;

-- which rows are ours
alter table message_logs alter provider drop not null, alter message_type drop not null, alter status drop not null;
set local session_replication_role = replica;
create temporary table rows_wanted as select gen_random_uuid() as id, v.* from (values
    ('twilio', 'sms', 'queued', '{}'::jsonb, true), (null, 'whatsapp', null, null, true), ('Twilio', 'sms', 'read', '"x"', true), ('twilio', 'sms', 'failed', '{"direction": "outgoing"}', true),
    ('meta', 'whatsapp', 'sent', '{}', false), ('twilio', 'email', 'sent', '{}', false), ('twilio', 'whatsapp', 'received', '{}', false), ('twilio', 'sms', 'delivered', '{"direction": "incoming"}', false),
    ('twilio', 'sms', 'receiving', '{}', false), ('twilio', 'sms', 'sent', '{"direction": "inbound"}', false), ('twilio', null, 'sent', '{}', false)) as v (p, t, s, m, w);
insert into message_logs (id, recipient, provider, message_type, status, metadata) select id, '+20', p, t, s, m from rows_wanted;
select is(exists (select from messaging.outbound_messages o where o.id = r.id), w, concat_ws(' ', p, t, s, m)) from rows_wanted r;
delete from message_logs where id in (select id from rows_wanted);
set local session_replication_role = origin;

-- in no rate
insert into message_logs (recipient, message_type, provider, status, sender_id, metadata, created_at)
select '+20', t, p, s, '00000000-0000-4000-8000-00000000000a', m, clock_timestamp() - interval '1 s' from (values
    ('sms', 'twilio', 'received', '{}'::jsonb), ('whatsapp', 'twilio', 'read', '{"direction": "incoming"}'), ('whatsapp', 'meta', 'sent', '{}'),
    ('email', 'twilio', 'sent', '{}'), ('sms', 'other', 'sent', '{}')) as v (t, p, s, m);
select row_eq('select outcome, remaining from messaging.reserve_message(''t'', null, ''00000000-0000-4000-8000-00000000000a'', 2, ''sms'', ''+20'', ''x'', null, null, null)',
    row('reserved'::text, 1), 'rows of others count in no limit');

-- the join, for Meta's webhook
select of_meta('wamid.1', 'sent');
select is((wrote('wamid.1', 'status = ''delivered''')).status, 'delivered', 'a status goes up');
select ok(delivered_at is not null and read_at is null, 'with its time') from message_logs where external_id = 'wamid.1';
select delivered_at as at from message_logs where external_id = 'wamid.1' \gset
select row_eq('select (w).status, (w).delivered_at from wrote(''wamid.1'', ''status = ''''sent'''', delivered_at = null'') as w', row('delivered'::text, :'at'::timestamptz),
    'a late sent does not overwrite delivered, nor take its time');
select is((wrote('wamid.1', 'status = '' SENT ''')).status, 'delivered', 'nor one in capitals');
select is((wrote('wamid.1', 'status = ''warning''')).status, 'delivered', 'nor a word that nobody knows');
select is((wrote('wamid.1', 'delivered_at = clock_timestamp() + interval ''1 h''')).delivered_at, :'at'::timestamptz, 'nor a later time');
select row_eq('select (w).status, (w).error_code, (w).error_message, (w).failed_at is not null from wrote(''wamid.1'', ''status = ''''failed'''', error_code = ''''131047'''', error_message = ''''x'''''') as w',
    row('delivered'::text, '131047'::text, 'x'::text, true), 'a failure after it leaves its error and time');
select row_eq('select (w).error_code, (w).error_message from wrote(''wamid.1'', ''error_code = null, error_message = ''''other'''''') as w', row('131047'::text, 'x'::text),
    'which nobody takes away, nor gives another text');
select row_eq('select (w).error_code, (w).error_message from wrote(''wamid.1'', ''status = ''''undelivered'''', error_code = ''''131026'''', error_message = ''''y'''''') as w',
    row('131026'::text, 'y'::text), 'but for the error of a greater status');
select row_eq('select (w).status, (w).read_at, (w).metadata ->> ''read_at'' from wrote(''wamid.1'', ''status = ''''read'''', metadata = ''''{"read_at": 1762000000, "x": 1}'''''') as w',
    row('read'::text, to_timestamp(1762000000), '2025-11-01T12:26:40.000000Z'::text), 'Unix seconds in metadata are read_at, in the column and as ISO 8601');
select ok(delivered_at = read_at and metadata ->> 'x' = '1', 'which proves delivered') from message_logs where external_id = 'wamid.1';
select is((wrote('wamid.1', 'metadata = ''{"y": 2}''')).metadata - 'error_status', '{"y": 2, "read_at": "2025-11-01T12:26:40.000000Z"}', 'and stays in step');
select of_meta('wamid.2', 'read', '{"read_at": "1762000000"}'), of_meta('wamid.3', 'sent', '{"read_at": "soon"}'), of_meta('wamid.4', 'sent');
select row_eq('select read_at, delivered_at, metadata from message_logs where external_id = ''wamid.2''',
    row(to_timestamp(1762000000), to_timestamp(1762000000), '{"read_at": "2025-11-01T12:26:40.000000Z"}'::jsonb), 'as a string of digits, and in an insert too');
select row_eq('select read_at, metadata from message_logs where external_id = ''wamid.3''', row(null::timestamptz, '{"read_at": "soon"}'::jsonb), 'what is no time stays');
select is((wrote('wamid.3', 'read_at = ''2025-11-01 12:26:40+00''')).metadata, '{"read_at": "2025-11-01T12:26:40.000000Z", "former_read_at": "soon"}', 'and gives way to one');
select row_eq('select (w).read_at, (w).metadata ->> ''read_at'' from wrote(''wamid.4'', ''metadata = ''''{"read_at": "2025-11-01T14:26:40+02:00"}'''''') as w',
    row(to_timestamp(1762000000), '2025-11-01T12:26:40.000000Z'::text), 'ISO 8601 of any zone');
select is(messaging.time_of(v), w, coalesce(v::text, 'nothing')) from (values ('1762000000.5'::jsonb, to_timestamp(1762000000.5)), ('"1762000000"', to_timestamp(1762000000)),
    ('"2025-11-01T12:26:40Z"', to_timestamp(1762000000)), ('"now"', null), ('"2025-13-45"', null), ('true', null), ('{}', null), ('1e400', null), ('-5', null), (null, null)) as v (v, w);
-- any order of it ends the same
create function in_order(p_sid text, p_order int[]) returns text language plpgsql as $$
declare
    n int;
begin
    perform of_meta(p_sid, 'queued');
    foreach n in array p_order loop
        perform wrote(p_sid, (array['status = ''sent''', 'status = ''delivered'', delivered_at = ''2025-11-01 10:00+00''',
            'status = ''failed'', error_code = ''131000'', error_message = ''f''', 'status = ''undelivered'', error_message = ''u'''])[n]);
    end loop;
    return (select concat_ws(' ', m.status, m.error_code, m.error_message, m.delivered_at at time zone 'UTC', m.failed_at is not null) from message_logs m where m.external_id = p_sid);
end $$;
select is(array_agg(distinct in_order('wamid.o' || a || b || c || d, array[a, b, c, d])), '{delivered 131000 f 2025-11-01 10:00:00 t}', '24 orders, one end')
from generate_series(1, 4) as a, generate_series(1, 4) as b, generate_series(1, 4) as c, generate_series(1, 4) as d
where (select count(distinct n) from unnest(array[a, b, c, d]) as n) = 4;

-- of our own rows, and of those that are nobody's business
select sent_message('SM1'), sent_message('SM2');
select messaging.record_status(null, 'SM1', 'delivered', null, null, '{}', null);
select is((wrote('SM1', 'status = ''sent''')).status, 'delivered', 'a message of ours is no less a join');
select is_empty('select from notifications', 'and who tells of a failure announces it himself');
select is((wrote('SM1', 'status = ''sent'', external_id = ''SM1''')).status, 'delivered', 'nor with its own SID told again');
select sent_message('SM3');
select messaging.record_status(null, 'SM3', 'failed', '30003', null, '{}', null);
update message_logs set external_id = 'SM3' where external_id = 'SM3';
select become('service_role');
update message_logs set status = 'sent', external_id = 'SM3again' where external_id = 'SM3';
select set_config('role', 'none', true);
select is((select status from message_logs where external_id = 'SM3again'), 'sent', 'another SID is another attempt');
insert into message_logs (recipient, message_type, status, external_id) values ('x@example.org', 'email', 'delivered', 'mail'), ('+20', 'whatsapp', 'received', 'in');
select is((wrote('mail', 'status = ''sent'', metadata = ''"x"''')).status, 'sent', 'e-mails are theirs');
select is((wrote('in', 'status = ''answered''')).status, 'answered', 'a word outside the order may change to another');
select is((wrote('in', 'status = ''read''')).status, 'read', 'or to one inside');
update message_logs set status = 'queued', delivered_at = null where external_id = 'SM1';
select is((select concat_ws(' ', status, delivered_at is null) from message_logs where external_id = 'SM1'), 'delivered f', 'a superuser is a writer like any other');
set local role messaging_owner;
update message_logs set status = 'queued' where external_id = 'SM1';
reset role;
select is((select status from message_logs where external_id = 'SM1'), 'queued', 'what must be set by hand messaging_owner sets');

-- an application's own function, which is its owner's
create role some_owner;
grant select, update on message_logs to some_owner;
create policy "some owner" on message_logs to some_owner using (true) with check (true);
select messaging.record_status(null, 'SM2', 'delivered', null, null, '{}', null);
select is((wrote('SM2', 'status = ''sent''', 'some_owner')).status, 'delivered', 'nor may anybody else take a status back');

-- A trigger's condition is parsed by each statement that may fire it.
select is((select string_agg(tgname, ' ' order by tgname) from pg_trigger where tgrelid = 'message_logs'::regclass and tgname like 'messaging%' and tgtype & 4 > 0),
    'messaging_adopt messaging_tidy', 'a send meets two triggers');
select is((select string_agg(tgname, ' ' order by tgname) from pg_trigger where tgrelid = 'message_logs'::regclass and tgname like 'messaging%' and tgtype & 16 > 0
        and (tgattr = '' or exists (select from pg_attribute a where a.attrelid = tgrelid and a.attnum = any (tgattr) and a.attname in ('status', 'delivered_at', 'updated_at')))),
    'messaging_join', 'and a callback one');
select is((select max(length(tgqual::text)) < 420 from pg_trigger where tgrelid = 'message_logs'::regclass and tgname in ('messaging_adopt', 'messaging_tidy', 'messaging_join')),
    true, 'whose conditions are short');

-- What comes to stand where texts are blanked already, whoever writes it.
insert into messaging.text_expiry (sent_at) values (now() - interval '1 day');
insert into message_logs (recipient, message_type, message_content, external_id, sent_at) values ('+201012345678', 'sms', 'x', 'SMlate', now() - interval '2 days'), ('+201012345678', 'sms', 'x', 'SMtimely', now());
set local role service_role;
insert into whatsapp_messages (recipient_phone, message_sid, message_body, status, sent_at)
values ('whatsapp:+201012345678', 'SMviewlate', 'x', ' Sent', now() - interval '2 days'), ('whatsapp:+201012345678', 'SMviewtimely', 'x', null, now());
reset role;
select messaging.restore_reservation('00000000-0000-4000-8000-0000000000d1', jsonb_build_object('caller', 'c', 'type', 'sms', 'recipient', '+201012345678', 'content', 'late', 'at', now() - interval '1 hour'));
select messaging.restore_reservation('00000000-0000-4000-8000-0000000000d2', jsonb_build_object('caller', 'c', 'type', 'sms', 'recipient', '+201012345678', 'content', 'timely', 'at', now()));
select is((select string_agg(coalesce(m.external_id, m.message_content), ' ' order by m.external_id) from messaging.late_texts t join message_logs m on m.id = t.message_log_id),
    'SMlate SMviewlate late', 'a late text is noted');
select is((select concat_ws(' ', recipient, status) from message_logs where external_id = 'SMviewlate'), '+201012345678 sent', 'the view''s rows are in order');
select * from finish();
rollback;
