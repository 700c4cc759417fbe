-- What somebody else writes into message_logs: send-twilio-message of before, inserting as service_role
-- after Twilio has answered, and whoever comes next.

create or replace function messaging.bare_recipient(p_recipient text) returns text
language plpgsql immutable strict set search_path = pg_catalog, pg_temp
as $$
begin
    return regexp_replace(p_recipient, '^\s*whatsapp:\s*', '', 'i');
end
$$;
comment on function messaging.bare_recipient(text) is 'A recipient as others write it, without whatsapp:.';

-- What somebody else inserts into message_logs, put in order as the migration put in order what was
-- there: no whatsapp: before the number, no empty SID (two of those would be a duplicate), known
-- status words in small letters, a time; no error where its code is 0; read_at where metadata has it.
create or replace function messaging.tidy_message() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if new.message_type not in ('sms', 'whatsapp') then
        return new;
    end if;
    new.recipient := messaging.bare_recipient(new.recipient);
    new.external_id := nullif(btrim(new.external_id), '');
    if messaging.status_rank(lower(btrim(new.status))) is not null then
        new.status := lower(btrim(new.status));
    end if;
    new.error_code := messaging.error_number(new.error_code);
    new.read_at := least(new.read_at, messaging.time_of(new.metadata -> 'read_at'));
    new.delivered_at := least(new.delivered_at, new.read_at);
    new.metadata := messaging.with_read_at(messaging.metadata_object(new.metadata), new.read_at);
    new.sent_at := coalesce(new.sent_at, new.created_at, now());
    return new;
end
$$;
comment on function messaging.tidy_message() is
    'Trigger of message_logs: puts a row in order that is about to be inserted.';

-- Callbacks may have come before it. Without the SID's lock: thousands of rows in one statement would
-- take more locks than there are. An event that is recorded in the moment between a row and its commit
-- is joined in with the next one of that SID, or by --reconcile.
create or replace function messaging.adopt_message() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if new.external_id is not null and new.message_type in ('sms', 'whatsapp') then
        perform messaging.adopt_events(new.id, new.external_id);
    end if;
    if messaging.is_inbound(new) then
        perform messaging.note_inbound(new);
    end if;
    perform messaging.note_late_text(new.id, new.sent_at);
    return null;
end
$$;
comment on function messaging.adopt_message() is
    'Trigger of message_logs: joins in what came before a row that is inserted with its SID, and notes the row '
    'where it is an inbound message or late.';

-- The status is a join whoever writes it: what somebody else's update tells of a message is joined into
-- its row. Meta's webhook, whose `sent` may come after `delivered`, moves nothing down, takes no time and
-- no error away, and finds read_at in the column and in metadata, in whichever of them it wrote it. A column
-- that keeps its value says nothing: a text beside a code that stays is one without a code. A word that
-- nobody knows does not move a row whose word is known. An update that gives the row another SID is a
-- new attempt of that writer, and his affair; so are e-mails. Superusers are writers like any other: whoever
-- must set a row by hand does it as messaging_owner.
create or replace function messaging.join_update() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_status constant text := lower(btrim(new.status));
    v_known constant boolean := messaging.status_rank(v_status) is not null;
    v_told constant text := case when v_known and new.status is distinct from old.status then v_status end;
    v_code constant text := case when new.error_code is distinct from old.error_code then new.error_code end;
    v_message constant text := case when new.error_message is distinct from old.error_message
        then new.error_message end;
begin
    if new.message_type not in ('sms', 'whatsapp')
        or new.external_id is distinct from old.external_id
        or (new.status, new.delivered_at, new.read_at, new.failed_at, new.error_code, new.error_message, new.metadata)
            is not distinct from (old.status, old.delivered_at, old.read_at, old.failed_at, old.error_code,
                old.error_message, old.metadata)
    then
        return new;
    end if;

    if v_known then
        new.status := messaging.greater_status(old.status, v_status);
    elsif new.status is null or messaging.status_rank(old.status) is not null then
        new.status := old.status;
    end if;

    new.read_at := least(old.read_at, new.read_at, messaging.time_of(new.metadata -> 'read_at'));
    if v_told = 'read' then
        new.read_at := coalesce(new.read_at, clock_timestamp());
    end if;
    new.delivered_at := least(old.delivered_at, new.delivered_at, new.read_at);
    if v_told = 'delivered' then
        new.delivered_at := coalesce(new.delivered_at, clock_timestamp());
    end if;
    new.failed_at := least(old.failed_at, new.failed_at);
    if v_told in ('failed', 'undelivered') then
        new.failed_at := coalesce(new.failed_at, clock_timestamp());
    end if;

    new.error_code := old.error_code;
    new.error_message := old.error_message;
    new := messaging.with_error(new, case when v_known then v_status else 'failed' end, v_code, v_message);
    new.metadata := messaging.with_read_at(new.metadata, new.read_at);
    return new;
end
$$;
comment on function messaging.join_update() is
    'Trigger of message_logs: joins what somebody else''s update tells into the row.';

-- Not for what the functions write, which is joined already, and in order. A trigger's condition is parsed by
-- each statement that may fire it, so these are one short one, with a text and no name, which is written longer;
-- the functions look for themselves: each send and each callback paid more for the parsing than for the change
-- of its row. What the functions write for others they put in order themselves.
call pg_temp.keep($$create trigger messaging_join before update on public.message_logs
    for each row
    when (current_user <> 'messaging_owner'::text)
    execute function messaging.join_update()$$);
call pg_temp.keep($$create trigger messaging_tidy before insert on public.message_logs
    for each row
    when (current_user <> 'messaging_owner'::text)
    execute function messaging.tidy_message()$$);
call pg_temp.keep($$create trigger messaging_adopt after insert on public.message_logs
    for each row
    when (current_user <> 'messaging_owner'::text)
    execute function messaging.adopt_message()$$);
