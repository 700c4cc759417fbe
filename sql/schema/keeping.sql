-- Keeping and forgetting: what goes when it is old, and what goes when a person asks.
--
-- Under concurrency it promises:
-- * A message is in its row or in its day's totals, never in both or in neither: the row's lock is held while
--   it is added, and both are one transaction. Whoever would change the row waits, and finds a mark.
-- * expire waits for no row: a message that somebody holds, or whose notification he holds, is left for the
--   next call. It holds the locks of one batch of rows that nothing more is expected of, and of those that it
--   passes by, for as long as that batch takes, two seconds or little more.
-- * forget_recipient waits for the rows that it finds, in the order of their ids, and looks again until it finds
--   no other: what was written of the person while it waited, as a fallback's SMS, is found, too. What is
--   reserved and not yet committed then counts as written after it.
-- * One of these at a time: they take a lock first that nobody who sends or calls back takes. So they cannot
--   wait for each other in a circle, and who calls back waits for one batch at most.
-- * Safe to run again, and at the same time twice.

create or replace function messaging.keeping_lock() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('messaging.keeping', 5202611291900));
end
$$;
comment on function messaging.keeping_lock() is 'Makes transactions that forget wait for each other.';

-- What is kept of phone messages is bounded, whoever wrote the row; e-mails are their writers' affair. What
-- is still under way is none of these.
create or replace view messaging.final_messages with (security_invoker = true) as
select m.id, m.recipient, m.message_content, m.media_url, m.metadata, m.external_id, m.error_message, m.sent_at,
    m.created_at
from public.message_logs m
where m.message_type in ('sms', 'whatsapp')
  and (lower(m.status) in ('canceled', 'failed', 'undelivered', 'delivered', 'read', 'received', 'receiving')
      or m.status = 'sent' and m.message_type = 'sms' and coalesce(m.sent_at, m.created_at) < now() - interval '7 days'
      or lower(m.metadata ->> 'direction') in ('incoming', 'inbound'));
comment on view messaging.final_messages is 'Messages of which nothing more is expected.';

---- what is dead

-- Events of no message, and those of them that still tell anything; said so that no other query takes these for
-- a short way to the events of one SID. Before the trigger below, whose making locks out who sends.
call pg_temp.keep($$create index message_status_events_unknown_idx
    on messaging.message_status_events (received_at) where (message_log_id is null) is true$$);
call pg_temp.keep($$create index message_status_events_unknown_told_idx
    on messaging.message_status_events (received_at) where (message_log_id is null) is true and parameters <> '{}'$$);
call pg_temp.keep($$create index idempotency_keys_begun_at_idx on messaging.idempotency_keys (begun_at)$$);

-- By default a table is cleaned, and looked at for the planner, when a fifth or a tenth of it is dead or new:
-- after ten years that is a year's messages. And at a pace (2 ms of rest) that takes a processor from who sends
-- meanwhile: these are cleaned with 10. What somebody has set himself stays.
do $$
declare
    found record;
begin
    for found in
        select c.oid::regclass as name, o.name as option, o.value
        from pg_class c
        cross join (values ('autovacuum_vacuum_scale_factor', '0.01'), ('autovacuum_vacuum_insert_scale_factor', '0.01'),
            ('autovacuum_analyze_scale_factor', '0.01'), ('autovacuum_vacuum_cost_delay', '10')) as o (name, value)
        where c.oid in ('public.message_logs'::regclass, 'messaging.message_status_events'::regclass,
                'messaging.idempotency_keys'::regclass)
          and not exists (select from unnest(c.reloptions) as r where split_part(r, '=', 1) = o.name)
    loop
        execute format('alter table %s set (%I = %s)', found.name, found.option, found.value);
    end loop;
end
$$;

---- how far texts are blanked

-- Texts go in the order of sent_at. What was passed over because it was under way, held by somebody, or came
-- to stand behind later, is remembered.
create table if not exists messaging.text_expiry (
    one boolean primary key default true check (one),
    sent_at timestamptz not null default '-infinity',
    id uuid not null default '00000000-0000-0000-0000-000000000000'
);
create table if not exists messaging.late_texts (
    message_log_id uuid primary key references public.message_logs (id) on delete cascade
);
comment on table messaging.text_expiry is 'The message up to which, by (sent_at, id), texts are blanked.';
comment on table messaging.late_texts is 'Messages before that one whose texts are still to be blanked.';

-- With the triggers that it was of; they are one of those in rows_of_others.sql now, and the one below.
drop function if exists messaging.note_late_text() cascade;
create or replace function messaging.note_late_text(p_id uuid, p_sent_at timestamptz) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if p_sent_at < now() - interval '30 seconds' and exists (select from messaging.text_expiry) then
        insert into messaging.late_texts (message_log_id) values (p_id) on conflict do nothing;
    end if;
end
$$;
comment on function messaging.note_late_text(uuid, timestamptz) is
    'Notes the text of a message that comes to stand where texts are blanked already.';

-- Without what a message said. Who it went to, and what became of it, stays.
create or replace function messaging.without_text(p_metadata jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return case when jsonb_typeof(p_metadata) = 'object' then p_metadata
            - '{variables,content_variables,ContentVariables,media,media_url,media_urls,mediaUrl,body,Body,text,caption,message,message_body,button_text,ButtonText,profile_name,ProfileName,former_metadata}'::text[]
        else '{}' end;
end
$$;
comment on function messaging.without_text(jsonb) is 'metadata without what the message said.';

create or replace function messaging.has_text(p_content text, p_media_url text, p_metadata jsonb) returns boolean
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(p_content <> '', false) or p_media_url is not null
        or coalesce(p_metadata <> messaging.without_text(p_metadata), false);
end
$$;
comment on function messaging.has_text(text, text, jsonb) is
    'Whether a row still has what its message said, variables and media included.';

-- What stands before the mark and had no text has been passed by.
create or replace function messaging.note_changed_text() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if old.sent_at is null or new.sent_at < old.sent_at
        or messaging.has_text(new.message_content, new.media_url, new.metadata)
        and not messaging.has_text(old.message_content, old.media_url, old.metadata)
    then
        perform messaging.note_late_text(new.id, new.sent_at);
    end if;
    return null;
end
$$;
comment on function messaging.note_changed_text() is 'Trigger of message_logs: notes a late text.';

-- Its condition calls nothing of ours, which who updates a row may not. Not of metadata, which each send's
-- settling changes: who gives variables to a row that was passed by gives them for good.
call pg_temp.keep($$create trigger messaging_late_update
    after update of sent_at, message_content, media_url on public.message_logs
    for each row
    when (new.sent_at < now() - interval '30 seconds')
    execute function messaging.note_changed_text()$$);

-- Of those that have any; how many they were.
create or replace function messaging.blank_texts(p_ids uuid[]) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_blanked uuid[];
begin
    with events as (
        update messaging.message_status_events e
        set parameters = messaging.without_numbers(e.parameters, m.recipient)
        from public.message_logs m
        where m.id = any (p_ids) and e.message_log_id = m.id
          and e.parameters <> messaging.without_numbers(e.parameters, m.recipient)
        returning e.message_log_id),
    keys as (
        update messaging.idempotency_keys k set answer = messaging.slim_answer(k.answer)
        where k.message_log_id = any (p_ids) and k.answer <> messaging.slim_answer(k.answer)
        returning k.message_log_id),
    messages as (
        update public.message_logs m
        set message_content = '', media_url = null, metadata = messaging.without_text(m.metadata)
        where m.id = any (p_ids) and messaging.has_text(m.message_content, m.media_url, m.metadata)
        returning m.id)
    select array_agg(distinct b.id) into v_blanked
    from (select message_log_id as id from events union all table keys union all table messages) as b;
    perform messaging.forget_former(v_blanked);
    return coalesce(cardinality(v_blanked), 0);
end
$$;
comment on function messaging.blank_texts(uuid[]) is
    'Blanks the texts of messages, variables and media included, and the numbers in their events.';

---- the ways out

-- The frozen former table has them as well, and with everything; drop-legacy.sql looks for what it has.
create or replace function messaging.forget_former(p_ids uuid[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if p_ids is not null and to_regclass('messaging.whatsapp_messages_legacy') is not null then
        execute 'delete from messaging.whatsapp_messages_legacy l
            where l.id = any ($1)
               or l.message_sid in (select m.external_id from public.message_logs m where m.id = any ($1))'
        using p_ids;
    end if;
exception when foreign_key_violation then
    raise warning 'messaging.whatsapp_messages_legacy keeps rows that others refer to: %', sqlerrm;
end
$$;
comment on function messaging.forget_former(uuid[]) is 'Deletes messages from the frozen former table.';

-- Notifications of ours name the number.
create or replace function messaging.blank_notifications(p_ids uuid[], p_number text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    update public.notifications n set message = replace(n.message, coalesce(p_number, m.recipient), '…')
    from public.message_logs m
    where m.id = any (p_ids) and n.message_log_id = m.id and m.recipient <> ''
      and n.type::text = 'error' and n.entity_type::text = 'message_log'
      and strpos(n.message, coalesce(p_number, m.recipient)) > 0;
end
$$;
comment on function messaging.blank_notifications(uuid[], text) is
    'Takes the number out of the notifications of messages: theirs, or this one.';

-- The caller holds the rows' locks. Events first, which would stay; keys and notifications follow by their
-- foreign keys.
create or replace function messaging.delete_messages(p_ids uuid[], p_expired boolean) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    perform messaging.add_to_totals(p_ids, p_expired);
    insert into messaging.forgotten_messages (name)
    select n.name
    from public.message_logs m
    cross join lateral (
        select m.id::text as name
        union select m.external_id where m.external_id is not null
        union select m.metadata ->> 'duplicate_external_id' where m.metadata ->> 'duplicate_external_id' is not null
        union select e.external_id from messaging.message_status_events e where e.message_log_id = m.id) as n
    where m.id = any (p_ids)
    on conflict do nothing;
    perform messaging.blank_notifications(p_ids, null);
    perform messaging.forget_former(p_ids);
    delete from messaging.message_status_events e where e.message_log_id = any (p_ids);
    delete from public.message_logs m where m.id = any (p_ids);
end
$$;
comment on function messaging.delete_messages(uuid[], boolean) is
    'Deletes messages with all that belongs to them, after adding them to their days'' totals.';

---- expire

create or replace function messaging.expire_rows(p_before timestamptz, p_most integer) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids uuid[] := array(
        select m.id from messaging.final_messages m
        where m.sent_at < p_before
        order by m.sent_at limit p_most
        for update skip locked);
    v_told uuid[];
begin
    if cardinality(v_ids) < p_most then
        v_ids := v_ids || array(
            select m.id from messaging.final_messages m
            where m.sent_at is null and m.created_at < p_before
            order by m.created_at limit p_most - cardinality(v_ids)
            for update skip locked);
    end if;
    -- Its notification loses the number, and then the message: who holds it holds the message.
    v_told := array(
        select n.message_log_id from public.notifications n
        where n.message_log_id = any (v_ids)
        for no key update skip locked);
    v_ids := array(
        select i from unnest(v_ids) as i
        where (select count(*) from public.notifications n where n.message_log_id = i)
            = coalesce(cardinality(array_positions(v_told, i)), 0));
    if v_ids <> '{}' then
        perform messaging.delete_messages(v_ids, true);
    end if;
    return cardinality(v_ids);
end
$$;
comment on function messaging.expire_rows(timestamptz, integer) is 'Deletes final messages of before a time.';

-- Messages that have no text are passed by, for two seconds at most: then the next call goes on there, and
-- the last of them stands for all; behind one that is held it would not get on, and that is the next run's.
create or replace function messaging.expire_texts(p_before timestamptz, p_most integer) returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_begun constant timestamptz := clock_timestamp();
    v_page constant integer := greatest(p_most, 100);
    v_at messaging.text_expiry;
    v_here messaging.text_expiry;
    v_ids uuid[];
    v_final uuid[];
    v_later uuid[];
    v_held boolean := false;
    v_touched integer;
begin
    insert into messaging.text_expiry default values on conflict do nothing;
    select t.* into v_at from messaging.text_expiry t for update;
    v_here := v_at;

    v_ids := array(
        select m.id from messaging.final_messages m
        where m.id in (select l.message_log_id from messaging.late_texts l)
          and coalesce(m.sent_at, m.created_at) < p_before
        order by m.id limit p_most
        for update skip locked);
    delete from messaging.late_texts l where l.message_log_id = any (v_ids);
    v_ids := v_ids || array(
        select m.id from messaging.final_messages m
        where m.sent_at is null and m.created_at < p_before
          and messaging.has_text(m.message_content, m.media_url, m.metadata)
        order by m.created_at limit p_most
        for update skip locked);
    v_touched := messaging.blank_texts(v_ids);

    while v_touched < p_most loop
        if clock_timestamp() > v_begun + interval '2 seconds' then
            v_touched := greatest(v_touched, case when v_held then 0 else 1 end);
            exit;
        end if;
        select array_agg(p.id order by p.sent_at, p.id), max(p.sent_at),
            (array_agg(p.id order by p.sent_at desc, p.id desc))[1]
        into v_ids, v_here.sent_at, v_here.id
        from (
            select m.id, m.sent_at from public.message_logs m
            where m.sent_at >= v_here.sent_at and m.sent_at < p_before
              and (m.sent_at, m.id) > (v_here.sent_at, v_here.id)
            order by m.sent_at, m.id
            limit least(v_page, p_most - v_touched)
        ) as p;
        exit when v_ids is null;
        v_final := array(
            select m.id from messaging.final_messages m where m.id = any (v_ids) order by m.id for update skip locked);
        v_touched := v_touched + messaging.blank_texts(v_final);
        v_later := array(
            select m.id from public.message_logs m
            where m.id = any (v_ids) and m.id <> all (v_final) and m.message_type in ('sms', 'whatsapp')
            for no key update skip locked);
        insert into messaging.late_texts (message_log_id) select n from unnest(v_later) as n on conflict do nothing;
        -- What cannot even be noted without a wait, because it is being changed, which may note it, or is about
        -- to go: the next call begins before it again.
        v_held := v_held or exists (
            select from public.message_logs m
            where m.id = any (v_ids) and m.id <> all (v_final || v_later) and m.message_type in ('sms', 'whatsapp'));
        if not v_held then
            v_at := v_here;
        end if;
    end loop;

    -- A row of the last minute may not be committed yet.
    if v_at.sent_at > v_begun - interval '1 minute' then
        v_at.sent_at := v_begun - interval '1 minute';
        v_at.id := '00000000-0000-0000-0000-000000000000';
    end if;
    update messaging.text_expiry t set sent_at = v_at.sent_at, id = v_at.id
    where (t.sent_at, t.id) <> (v_at.sent_at, v_at.id);
    return v_touched;
end
$$;
comment on function messaging.expire_texts(timestamptz, integer) is 'Blanks the texts of final messages of before a time.';

-- What belongs to no message: keys of more than 30 days, events of messages that never came, marks, of which
-- a message leaves two or more. In the order of their indexes: where only some are wanted the planner would
-- read the table for them.
create or replace function messaging.expire_others(
    p_texts_before timestamptz, p_rows_before timestamptz, p_most integer)
returns integer
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    -- No index is entered by what may be another time for each row.
    v_now constant timestamptz := clock_timestamp();
    v_keys integer;
    v_events integer;
    v_blanked integer;
begin
    delete from messaging.idempotency_keys k
    where k.key in (
        select o.key from messaging.idempotency_keys o
        where o.begun_at < v_now - interval '30 days'
        order by o.begun_at limit p_most
        for update skip locked);
    get diagnostics v_keys = row_count;
    delete from messaging.message_status_events e
    where e.id in (
        select o.id from messaging.message_status_events o
        where (o.message_log_id is null) is true and o.received_at < p_rows_before
        order by o.received_at limit p_most
        for update skip locked);
    get diagnostics v_events = row_count;
    update messaging.message_status_events e set parameters = '{}'
    where e.id in (
        select o.id from messaging.message_status_events o
        where (o.message_log_id is null) is true and o.parameters <> '{}' and o.received_at < p_texts_before
        order by o.received_at limit p_most
        for update skip locked);
    get diagnostics v_blanked = row_count;
    delete from messaging.forgotten_messages f
    where f.name in (
        select o.name from messaging.forgotten_messages o
        where o.forgotten_at < v_now - interval '90 days'
        order by o.forgotten_at limit 4 * p_most
        for update skip locked);
    return v_keys + v_events + v_blanked;
end
$$;
comment on function messaging.expire_others(timestamptz, timestamptz, integer) is
    'Deletes old idempotency keys, events without a message, and marks.';

create or replace function messaging.expire(texts_older_than interval, rows_older_than interval, batch integer)
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_most constant integer := least(greatest(coalesce(batch, 0), 1), 10000);
    v_touched integer := 0;
    v_others integer;
begin
    perform messaging.keeping_lock();
    if rows_older_than is not null then
        v_touched := messaging.expire_rows(v_now - rows_older_than, v_most);
    end if;
    if texts_older_than is not null and v_touched < v_most then
        v_touched := v_touched + messaging.expire_texts(v_now - texts_older_than, v_most - v_touched);
    end if;
    v_others := messaging.expire_others(v_now - texts_older_than, v_now - rows_older_than, v_most);
    return case when v_touched > 0 then v_touched else v_others end;
end
$$;
comment on function messaging.expire(interval, interval, integer) is
    'One batch: deletes messages older than rows_older_than, after adding them to their days'' totals, blanks '
    'the texts of those older than texts_older_than (null: never), and drops idempotency keys of more than 30 '
    'days. How many messages it touched; where there was none, how many keys and events; 0: nothing is left but '
    'what somebody holds, and what is behind it.';

-- For --dry-run. Counted up to p_most each.
call pg_temp.drop_former('messaging.expirable(interval,interval,integer)',
    'TABLE(texts bigint, messages bigint, keys bigint, events bigint)');
create or replace function messaging.expirable(
    texts_older_than interval, rows_older_than interval, p_most integer default 100000)
returns table (texts bigint, messages bigint, keys bigint, events bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_now constant timestamptz := now();
begin
    select count(*) into messages
    from (
        select from messaging.final_messages m where m.sent_at < v_now - rows_older_than limit p_most
    ) as r;
    select least(messages + count(*), p_most) into messages
    from (
        select from messaging.final_messages m
        where m.sent_at is null and m.created_at < v_now - rows_older_than limit p_most
    ) as r;
    select count(*) into texts
    from (
        select from messaging.final_messages m
        where m.sent_at < v_now - texts_older_than
          and (rows_older_than is null or m.sent_at >= v_now - rows_older_than)
          and messaging.has_text(m.message_content, m.media_url, m.metadata)
        limit p_most
    ) as r;
    select least(texts + count(*), p_most) into texts
    from (
        select from messaging.final_messages m
        where m.sent_at is null and m.created_at < v_now - texts_older_than
          and (rows_older_than is null or m.created_at >= v_now - rows_older_than)
          and messaging.has_text(m.message_content, m.media_url, m.metadata)
        limit p_most
    ) as r;
    select count(*) into keys
    from (
        select from messaging.idempotency_keys k where k.begun_at < v_now - interval '30 days' limit p_most
    ) as r;
    select count(*) into events
    from (
        select from messaging.message_status_events o
        where (o.message_log_id is null) is true and o.received_at < v_now - least(texts_older_than, rows_older_than)
          and (o.parameters <> '{}' and o.received_at < v_now - texts_older_than
              or o.received_at < v_now - rows_older_than)
        limit p_most
    ) as r;
    return next;
end
$$;
comment on function messaging.expirable(interval, interval, integer) is
    'What expire would touch: messages whose texts would be blanked, messages and keys that would be deleted, '
    'events without a message that would be deleted or lose their parameters.';

---- one person

-- Inbound rows have the person's number in metadata.from, or as others write it.
create or replace function messaging.messages_with(p_number text) returns setof uuid
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select m.id from public.message_logs m where m.recipient = any (messaging.spellings(p_number))
    union
    select m.id from public.message_logs m
    where m.metadata ? 'from' and messaging.international_number(m.metadata ->> 'from') = p_number
$$;
comment on function messaging.messages_with(text) is 'The rows that a number in E.164 stands in.';

create or replace function messaging.recipient_number(p_typed text) returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_number constant text := messaging.international_number(p_typed);
begin
    if v_number is null then
        raise exception using errcode = 'invalid_parameter_value', message = 'that is no phone number';
    end if;
    return v_number;
end
$$;
comment on function messaging.recipient_number(text) is 'A number in E.164; fails where it is none.';

create or replace function messaging.forget_recipient(number text) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_number constant text := messaging.recipient_number(number);
    v_digits constant text := ltrim(v_number, '+');
    v_ids uuid[] := '{}';
    v_seen uuid[] := '{}';
    v_found uuid[];
    v_under_way uuid[];
begin
    perform messaging.keeping_lock();
    loop
        v_found := array(select w from messaging.messages_with(v_number) as w where w <> all (v_seen));
        exit when v_found = '{}';
        v_seen := v_seen || v_found;
        v_ids := v_ids || array(
            select m.id from public.message_logs m where m.id = any (v_found) order by m.id for update);
    end loop;
    v_under_way := array(
        select o.id from messaging.outbound_messages o
        where o.id = any (v_ids)
          and not exists (select from messaging.final_messages f where f.id = o.id));

    perform messaging.blank_notifications(v_ids, v_number);
    update public.notifications n set message = replace(n.message, v_number, '…')
    where n.type::text = 'error' and n.entity_type::text = 'message_log' and strpos(n.message, v_number) > 0;
    perform messaging.forget_former(v_under_way);
    perform messaging.delete_messages(
        array(select i from unnest(v_ids) as i where i <> all (v_under_way)), false);

    update messaging.message_status_events e set parameters = messaging.without_numbers(e.parameters, v_number)
    where e.message_log_id = any (v_under_way)
       or (e.message_log_id is null) is true and strpos(e.parameters::text, v_digits) > 0;
    update messaging.idempotency_keys k
    set answer = messaging.slim_answer(k.answer) - 'error_message'
        || jsonb_build_object('metadata', messaging.impersonal(k.answer -> 'metadata'))
    where k.message_log_id = any (v_under_way) and k.answer is not null;
    update public.message_logs m
    set recipient = '', message_content = '', media_url = null,
        error_message = messaging.error_meaning(m.error_code),
        metadata = messaging.impersonal(m.metadata) || '{"forgotten": true}'
    where m.id = any (v_under_way);
    delete from messaging.follow_ups f where f.message_log_id = any (v_under_way);
    return cardinality(v_ids);
end
$$;
comment on function messaging.forget_recipient(text) is
    'Forgets a person by a number as `to` takes it: his messages go, after they were added to their days'' '
    'totals; of one under way a row without anything of him stays. How many rows were found.';

create or replace function messaging.messages_of(number text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_number constant text := messaging.recipient_number(number);
begin
    return jsonb_build_object(
        'number', v_number,
        'exported_at', to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'messages', (
            select coalesce(jsonb_agg(to_jsonb(m) || jsonb_build_object(
                'events', (
                    select coalesce(jsonb_agg(to_jsonb(e) - array['id', 'message_log_id'] order by e.received_at, e.id), '[]')
                    from messaging.message_status_events e where e.message_log_id = m.id),
                'notifications', (
                    select coalesce(jsonb_agg(n.message order by n.message), '[]')
                    from public.notifications n where n.message_log_id = m.id))
                order by coalesce(m.sent_at, m.created_at), m.id), '[]')
            from public.message_logs m
            where m.id in (select w from messaging.messages_with(v_number) as w)));
end
$$;
comment on function messaging.messages_of(text) is
    'A person''s export, for the owner: the messages to and from a number as `to` takes it, with their events '
    'and notifications, as JSON.';
