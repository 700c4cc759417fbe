-- What is remembered of messages that are gone, so that nothing brings them back; what is left of one that
-- was under way when its person was forgotten; and what of an event is kept at all.

-- A name is a row's id or one of its SIDs. Neither says whose the message was.
create table if not exists messaging.forgotten_messages (
    name text primary key,
    forgotten_at timestamptz not null default clock_timestamp()
);
call pg_temp.keep($$create index forgotten_messages_forgotten_at_idx on messaging.forgotten_messages (forgotten_at)$$);
comment on table messaging.forgotten_messages is
    'Marks of messages whose rows are gone, for callbacks and spooled settlements that come later; kept for 90 days.';

create or replace function messaging.is_forgotten(p_name text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (select from messaging.forgotten_messages f where f.name = p_name);
end
$$;
comment on function messaging.is_forgotten(text) is 'Whether the message of an id or a SID is gone.';

-- A message that is under way when its person is forgotten stays, so that its day's sums come out right:
-- metadata.forgotten marks it. Of metadata it keeps what tells of the sending alone, whoever writes it.
create or replace function messaging.impersonal(p_metadata jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select coalesce(jsonb_object_agg(m.key, m.value), '{}')
        from jsonb_each(case when jsonb_typeof(p_metadata) = 'object' then p_metadata else '{}' end) as m
        where m.key in ('account_sid', 'attempts', 'direction', 'duplicate_external_id', 'error_message_status',
            'error_status', 'fallback', 'fallback_of', 'forgotten', 'num_media', 'num_segments', 'price',
            'price_unit', 'read_at', 'sent_as', 'tag', 'template_id', 'validity')
    );
end
$$;
comment on function messaging.impersonal(jsonb) is 'What of metadata tells nothing of the person.';

create or replace function messaging.withhold_person() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(old.metadata, '{}') ? 'forgotten' then
        new.recipient := '';
        new.message_content := '';
        new.media_url := null;
        new.error_message := messaging.error_meaning(new.error_code);
        new.metadata := messaging.impersonal(new.metadata) || '{"forgotten": true}';
    end if;
    return new;
end
$$;
comment on function messaging.withhold_person() is
    'Trigger of message_logs: nobody writes back who was forgotten.';

-- Behind the other triggers, which go by their names. Not for a statement that sets none of these.
call pg_temp.keep($$create trigger messaging_withhold before update of recipient, message_content, media_url, error_code, error_message, read_at, metadata on public.message_logs
    for each row
    when (old.recipient = '')
    execute function messaging.withhold_person()$$);

-- What an event says letter for letter in its own columns, or its row does, is not kept twice. What stands
-- in the row as number and channel stands in the event as one word.
-- p_recipient, p_type, p_metadata: the row's; null where there is none (yet).
drop function if exists messaging.event_parameters(messaging.message_status_events);
create or replace function messaging.event_parameters(
    p_parameters jsonb, p_sid text, p_status text, p_code text, p_recipient text, p_type text, p_metadata jsonb)
returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    -- A null removes nothing. And no statement, which would cost each callback more than all of these.
    v_told constant text[] := array[
        case when p_parameters ->> 'MessageSid' = p_sid then 'MessageSid' end,
        case when p_parameters ->> 'SmsSid' = p_sid then 'SmsSid' end,
        case when p_parameters ->> 'SmsMessageSid' = p_sid then 'SmsMessageSid' end,
        case when p_parameters ->> 'MessageStatus' = p_status then 'MessageStatus' end,
        case when p_parameters ->> 'SmsStatus' = p_status then 'SmsStatus' end,
        case when p_parameters ->> 'ErrorCode' = p_code then 'ErrorCode' end,
        case when p_parameters ->> 'To' = case p_type when 'whatsapp' then 'whatsapp:' else '' end || p_recipient
            then 'To' end,
        case when p_parameters ->> 'ChannelToAddress' = p_recipient then 'ChannelToAddress' end,
        case when p_parameters ->> 'ChannelPrefix' = p_type then 'ChannelPrefix' end,
        case when p_parameters ->> 'AccountSid' = p_metadata ->> 'account_sid' then 'AccountSid' end,
        case when p_parameters ->> 'From' = p_metadata ->> 'from' then 'From' end,
        case when p_parameters ->> 'ApiVersion' = p_metadata ->> 'api_version' then 'ApiVersion' end,
        case when p_parameters ->> 'MessagingServiceSid' = p_metadata ->> 'messaging_service_sid'
            then 'MessagingServiceSid' end];
begin
    return case when jsonb_typeof(p_parameters) <> 'object' then p_parameters
        when p_recipient = '' then messaging.without_numbers(p_parameters - v_told, null)
        else p_parameters - v_told end;
end
$$;
comment on function messaging.event_parameters(jsonb, text, text, text, text, text, jsonb) is
    'Of an event''s parameters those that neither its columns nor its row hold.';

-- Parameters without numbers, texts and names of people. p_number: whatever holds this one goes, too.
create or replace function messaging.without_numbers(p_parameters jsonb, p_number text) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_digits constant text := nullif(ltrim(p_number, '+'), '');
begin
    if jsonb_typeof(p_parameters) <> 'object' then
        return '{}';
    end if;
    return (
        select coalesce(jsonb_object_agg(p.key, p.value), '{}')
        from jsonb_each(p_parameters) as p
        where p.key !~* '^(to|from|author|body|wa_?id|caption|content_?variables|variables|text|message|name|media.*)$'
          and p.key !~* '(address|number|phone|recipient|profile_?name|button|mediaurl|latitude|longitude|label|structuredmessage)'
          and p.value::text !~ '(^|[^\w])(whatsapp:)?\+\d{7}'
          and (v_digits is null or strpos(p.value::text, v_digits) = 0)
    );
end
$$;
comment on function messaging.without_numbers(jsonb, text) is 'Parameters without what tells of a person.';

-- An event of a message that is gone is not kept: it would bring the number back.
create or replace function messaging.keep_event() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_row record;
begin
    if new.message_log_id is null and messaging.is_forgotten(new.external_id) then
        return null;
    end if;
    select m.recipient, m.message_type, m.metadata into v_row
    from public.message_logs m
    where m.id = new.message_log_id;
    new.parameters := messaging.event_parameters(new.parameters, new.external_id, new.status, new.error_code,
        v_row.recipient, v_row.message_type, v_row.metadata);
    return new;
end
$$;
comment on function messaging.keep_event() is
    'Trigger of message_status_events: keeps what is worth it, and nothing of a message that is gone.';

-- Not for what is told of a known message: record_status has its row at hand.
call pg_temp.keep($$create trigger messaging_keep before insert on messaging.message_status_events
    for each row
    when (new.message_log_id is null)
    execute function messaging.keep_event()$$);
call pg_temp.keep($$create trigger messaging_adopted before update of message_log_id on messaging.message_status_events
    for each row
    when (new.message_log_id is not null)
    execute function messaging.keep_event()$$);
