-- What somebody else writes into message_logs: send-twilio-message of before, inserting as service_role
-- after Twilio has answered, and whoever comes next.

-- What somebody else inserts into message_logs, put in order as the migration put in order what was
-- there: no whatsapp: before the number, no empty SID (two of those would be a duplicate), known
-- status words in small letters, a time.
create or replace function messaging.tidy_message() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if new.message_type not in ('sms', 'whatsapp') then
        return new;
    end if;
    new.recipient := regexp_replace(new.recipient, '^\s*whatsapp:\s*', '', 'i');
    new.external_id := nullif(btrim(new.external_id), '');
    if messaging.status_rank(lower(btrim(new.status))) is not null then
        new.status := lower(btrim(new.status));
    end if;
    new.metadata := messaging.metadata_object(new.metadata);
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
    perform messaging.adopt_events(new.id, new.external_id);
    return null;
end
$$;
comment on function messaging.adopt_message() is
    'Trigger of message_logs: joins in what came before a row that is inserted with its SID.';

-- Not for a row that reserve_message writes: it is in order, and each send would pay for the look.
call pg_temp.keep($$create trigger messaging_tidy before insert on public.message_logs
    for each row
    when (new.status <> 'pending' or new.external_id is not null or new.sent_at is null
        or new.recipient not like '+%' or jsonb_typeof(new.metadata) <> 'object')
    execute function messaging.tidy_message()$$);
call pg_temp.keep($$create trigger messaging_adopt after insert on public.message_logs
    for each row
    when (new.external_id is not null and new.message_type in ('sms', 'whatsapp'))
    execute function messaging.adopt_message()$$);
