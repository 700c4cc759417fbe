-- public.whatsapp_messages for the screens and functions that knew the old table: the WhatsApp messages
-- of message_logs under its column names, with the reader's own rights. service_role writes: the
-- functions of before go on working unchanged, until the last of them is switched off and whenever one
-- is switched on again. send-whatsapp inserts a row after Twilio has answered, its webhook updates that
-- row by message_sid. What a message is and whom it went to does not change.
-- Where Meta's table or view has the name it keeps it, and there is no such view.
do $$
begin
    if pg_temp.of_meta(to_regclass('public.whatsapp_messages')) then
        return;
    end if;
    call pg_temp.keep($view$create view public.whatsapp_messages with (security_invoker = true) as
select
    m.id,
    m.external_id as message_sid,
    m.sender_id,
    m.recipient as recipient_phone,
    m.message_content as message_body,
    m.message_content,
    m.status,
    m.request_id,
    m.media_url,
    m.sent_at,
    m.delivered_at,
    m.read_at,
    m.failed_at,
    m.error_code,
    m.error_message,
    m.created_at,
    m.updated_at
from public.message_logs m
where m.message_type = 'whatsapp'$view$);
    comment on view public.whatsapp_messages is
        'The WhatsApp messages of message_logs under the column names of the former table. Written by '
        'service_role alone, for the functions of before; a status is joined, not assigned.';
end
$$;

-- Joins what the view was told about a message into its row, and returns the row under the view's
-- names. Status, times and errors as with a callback: what is null says nothing, what is less changes
-- nothing. A failure is announced by whoever told it. A word that nobody knows does not move the row;
-- an error beside one counts as a failure's.
create or replace function messaging.join_told(
    p_id uuid, p_status text, p_error_code text, p_error_message text, p_delivered_at timestamptz,
    p_read_at timestamptz, p_failed_at timestamptz, p_at timestamptz)
returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_status constant text := lower(btrim(p_status));
    v_code constant text := nullif(p_error_code, '');
    v_message constant text := nullif(p_error_message, '');
    v_row jsonb;
begin
    perform from public.message_logs m where m.id = p_id for no key update;

    if messaging.status_rank(v_status) is not null then
        perform messaging.join_status(p_id, v_status, v_code, v_message, coalesce(
            case v_status when 'read' then p_read_at when 'delivered' then p_delivered_at else p_failed_at end,
            p_at), false);
    elsif v_code is not null or v_message is not null then
        perform messaging.join_error(p_id, 'failed', v_code, v_message);
    end if;

    update public.message_logs m
    set delivered_at = least(m.delivered_at, p_delivered_at, p_read_at),
        read_at = least(m.read_at, p_read_at),
        failed_at = least(m.failed_at, p_failed_at),
        updated_at = clock_timestamp()
    where m.id = p_id
      and (m.delivered_at, m.read_at, m.failed_at) is distinct from (
          least(m.delivered_at, p_delivered_at, p_read_at), least(m.read_at, p_read_at),
          least(m.failed_at, p_failed_at));

    select to_jsonb(m) || jsonb_build_object('message_sid', m.external_id, 'recipient_phone', m.recipient,
        'message_body', m.message_content) into v_row
    from public.message_logs m
    where m.id = p_id;
    return v_row;
end
$$;
comment on function messaging.join_told(
    uuid, text, text, text, timestamptz, timestamptz, timestamptz, timestamptz) is
    'Joins what the view whatsapp_messages was told about a message into it; returns the view''s row.';

-- An insert into the view is a message of message_logs. A SID that is there already is the same
-- message, which learns what it lacks. A sender without a profile and a request that is none go to
-- metadata.
--
-- Under concurrency it promises what settle_message does: the SID's lock is taken first, so an event
-- that comes at the same moment is joined in or finds the row.
create or replace function messaging.insert_whatsapp_message() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_sid constant text := nullif(btrim(new.message_sid), '');
    v_status constant text := lower(btrim(new.status));
    v_known constant boolean := messaging.status_rank(v_status) is not null;
    v_created_at constant timestamptz := coalesce(new.created_at, now());
    v_metadata jsonb := case when v_known or nullif(btrim(new.status), '') is null then '{}'
        else jsonb_build_object('former_status', new.status) end;
    v_constraint text;
    v_id uuid;
    v_sent_at timestamptz;
begin
    if v_sid is not null then
        perform messaging.sid_lock(v_sid);
    end if;
    loop
        begin
            insert into public.message_logs as m
                (id, request_id, recipient, message_type, message_content, provider, status, external_id, metadata,
                 sent_at, created_at, updated_at, sender_id, media_url)
            values
                (coalesce(new.id, gen_random_uuid()), new.request_id,
                 messaging.bare_recipient(new.recipient_phone), 'whatsapp',
                 coalesce(nullif(new.message_body, ''), new.message_content, ''), 'twilio',
                 case when v_known then v_status else 'pending' end, v_sid, v_metadata,
                 coalesce(new.sent_at, v_created_at), v_created_at, coalesce(new.updated_at, v_created_at),
                 new.sender_id, nullif(new.media_url, ''))
            on conflict (external_id) where external_id is not null do update
            set request_id = coalesce(m.request_id, excluded.request_id),
                message_content = coalesce(nullif(m.message_content, ''), excluded.message_content),
                metadata = excluded.metadata || messaging.metadata_object(m.metadata),
                sender_id = coalesce(m.sender_id, excluded.sender_id),
                media_url = coalesce(m.media_url, excluded.media_url)
            returning m.id, m.sent_at into v_id, v_sent_at;
            perform messaging.note_late_text(v_id, v_sent_at);
            exit;
        exception when foreign_key_violation then
            get stacked diagnostics v_constraint = constraint_name;
            if v_constraint = 'message_logs_sender_id_fkey' then
                v_metadata := v_metadata || jsonb_build_object('sender_id', new.sender_id);
                new.sender_id := null;
            elsif v_constraint = 'message_logs_request_id_fkey' then
                v_metadata := v_metadata || jsonb_build_object('request_id', new.request_id);
                new.request_id := null;
            else
                raise;
            end if;
        end;
    end loop;

    if v_sid is not null then
        perform messaging.adopt_events(v_id, v_sid);
    end if;
    new := jsonb_populate_record(new, messaging.join_told(v_id, new.status, new.error_code, new.error_message,
        new.delivered_at, new.read_at, new.failed_at, coalesce(new.updated_at, v_created_at)));
    return new;
end
$$;
comment on function messaging.insert_whatsapp_message() is
    'Trigger of the view whatsapp_messages: an insert becomes a message.';

-- An update of the view tells of a status, a time or an error; a column that keeps its value says
-- nothing, one that is set to null neither. Two updates of one row, or one and a callback, wait for
-- each other and end the same in either order.
create or replace function messaging.update_whatsapp_message() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    new := jsonb_populate_record(new, messaging.join_told(old.id, new.status,
        case when new.error_code is distinct from old.error_code then new.error_code end,
        case when new.error_message is distinct from old.error_message then new.error_message end,
        new.delivered_at, new.read_at, new.failed_at,
        case when new.status is distinct from old.status then clock_timestamp() end));
    return new;
end
$$;
comment on function messaging.update_whatsapp_message() is
    'Trigger of the view whatsapp_messages: an update is joined into the message.';

do $$
begin
    if pg_temp.of_meta(to_regclass('public.whatsapp_messages')) then
        return;
    end if;
    call pg_temp.keep($trigger$create trigger messaging_insert instead of insert on public.whatsapp_messages
        for each row execute function messaging.insert_whatsapp_message()$trigger$);
    call pg_temp.keep($trigger$create trigger messaging_update instead of update on public.whatsapp_messages
        for each row execute function messaging.update_whatsapp_message()$trigger$);
end
$$;
