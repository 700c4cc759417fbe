-- Record: one callback of Twilio's. Safe to run again.
--
-- Under concurrency it promises:
-- * Equal callbacks, however many at a time, leave one event, one change of the row and at most one
--   notification: all that work on one SID wait for each other, settle_message included. A row that has the
--   SID and that nobody holds is lock enough: who has taken it so takes no SID's lock after it, as all
--   others take the SID's first and may be waiting for the row with it.
-- * An event whose message is not known is kept, and joined in when the SID becomes known.
-- * A row is found by its SID; by its id only while it has none, and then gets this one.
-- * What is told of an attempt that was given up, and tried again since, is kept as an event and moves
--   its row only where it says that the message has arrived.
-- * Of equal callbacks the event keeps the parameters of the one whose text counts. That a repetition
--   tells nothing new is seen by its parameters being the same (equal parameters have equal texts: the
--   programs write strings, and lists of them); texts are looked up and compared where they differ.

-- The message of a SID that no free row has: another transaction holds the row, or has not told the SID yet;
-- or it is one of an attempt that was given up (is_former); or the row has no SID, and gets it. The locks are
-- the caller's from then on, the SID's first.
create or replace function messaging.find_message(p_sid text, p_id uuid, out id uuid, out is_former boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_message uuid;
begin
    perform messaging.sid_lock(p_sid);
    is_former := false;
    select m.id into find_message.id from public.message_logs m where m.external_id = p_sid
    for no key update;
    if not found then
        -- By its events, then by its key: a plan that was kept from when the table was empty reads it whole.
        for v_message in
            select distinct e.message_log_id from messaging.message_status_events e
            where e.external_id = p_sid and e.message_log_id is not null
        loop
            select m.id into find_message.id from public.message_logs m
            where m.id = v_message
              and m.metadata @> jsonb_build_object('attempts', jsonb_build_array(jsonb_build_object('sid', p_sid)))
            for no key update;
            is_former := found;
            exit when is_former;
        end loop;
    end if;
    if find_message.id is null and p_id is not null then
        update public.message_logs m set external_id = p_sid, updated_at = clock_timestamp()
        where m.id = p_id and m.external_id is null
        returning m.id into find_message.id;
    end if;
end
$$;
comment on function messaging.find_message(text, uuid) is
    'Locks a SID and its message, and gives the message the SID where it has none; id is null where there is none.';

-- Apart from the insert of an event that is new, which would pay for all that is compared here. It inserts as
-- well: the one that was there may have gone.
create or replace function messaging.repeat_event(
    p_message uuid, p_sid text, p_status text, p_code text, p_parameters jsonb, p_at timestamptz)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    insert into messaging.message_status_events as e
        (message_log_id, external_id, status, error_code, parameters, received_at)
    values (p_message, p_sid, p_status, p_code, p_parameters, p_at)
    on conflict on constraint message_status_events_external_id_status_error_code_key do update
    set received_at = least(e.received_at, excluded.received_at),
        parameters = case when excluded.parameters <> e.parameters and coalesce(
                messaging.event_text(excluded) collate "C" < messaging.event_text(e),
                messaging.event_text(excluded) is not null)
            then excluded.parameters else e.parameters end
    where excluded.received_at < e.received_at
       or excluded.parameters <> e.parameters and coalesce(
            messaging.event_text(excluded) collate "C" < messaging.event_text(e),
            messaging.event_text(excluded) is not null);
end
$$;
comment on function messaging.repeat_event(uuid, text, text, text, jsonb, timestamptz) is
    'Joins an event into the one of its SID, status and code that is there already.';

drop function if exists messaging.record_status(uuid, text, text, text, text, jsonb, timestamptz);
create or replace function messaging.record_status(
    p_id uuid, p_sid text, p_status text, p_error_code text, p_error_message text, p_parameters jsonb,
    p_received_at timestamptz, p_patience integer default null)
returns table (outcome text, id uuid, external_id text, status text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    v_at constant timestamptz := coalesce(p_received_at, clock_timestamp());
    v_code constant text := messaging.error_number(p_error_code);
    v_known record;
    v_found record;
    v_parameters jsonb;
    v_set text := set_config('lock_timeout', coalesce(p_patience, 5000)::text, true);
begin
    -- What nearly all callbacks come to: the row has the SID. Locked before the event refers to it: the
    -- foreign key's own lock then costs nothing more.
    select m.id, m.status, m.recipient, m.message_type, m.metadata, false as is_former,
        array_position(o.words, p_status) > coalesce(array_position(o.words, m.status), 0) as is_less,
        exists (select from messaging.message_status_events e
            where e.external_id = p_sid and e.message_log_id is null) as orphaned
    into v_known
    from public.message_logs m
    cross join messaging.status_order o
    where m.external_id = p_sid
    for no key update of m skip locked;
    if not found then
        select f.id, f.is_former into v_found from messaging.find_message(p_sid, p_id) as f;
        select f.id, m.status, m.recipient, m.message_type, m.metadata, v_found.is_former, false as is_less,
            exists (select from messaging.message_status_events e
                where e.external_id = p_sid and e.message_log_id is null) as orphaned
        into v_known
        from (select v_found.id) as f
        left join public.message_logs m on m.id = f.id;
    end if;
    id := v_known.id;

    -- Also where the SID was known: somebody else may have written the row with it.
    if id is not null and v_known.orphaned then
        perform messaging.adopt_events(id, p_sid);
    end if;

    v_parameters := messaging.event_parameters(coalesce(p_parameters, '{}'), p_sid, p_status, v_code,
        v_known.recipient, v_known.message_type, v_known.metadata);
    insert into messaging.message_status_events as e
        (message_log_id, external_id, status, error_code, parameters, received_at)
    values (v_known.id, p_sid, p_status, v_code, v_parameters, v_at)
    on conflict on constraint message_status_events_external_id_status_error_code_key do nothing;
    if not found then
        perform messaging.repeat_event(v_known.id, p_sid, p_status, v_code, v_parameters, v_at);
    end if;

    external_id := p_sid;
    if id is null then
        outcome := 'unknown_message';
        return next;
        return;
    end if;
    outcome := 'recorded';
    if v_known.is_former and p_status not in ('delivered', 'read') then
        status := v_known.status;
    elsif v_known.is_less and not v_known.orphaned and v_code is null and coalesce(p_error_message, '') = ''
        and p_status not in ('failed', 'undelivered', 'read')
    then
        -- join_status where nothing follows from the status, without its call and its look at the row. As
        -- record_plain does it for several.
        update public.message_logs m
        set status = p_status, updated_at = clock_timestamp(),
            delivered_at = case p_status when 'delivered' then least(m.delivered_at, v_at, m.read_at)
                else m.delivered_at end
        where m.id = record_status.id;
        status := p_status;
    else
        status := messaging.join_status(id, p_status, v_code, p_error_message, v_at, true);
    end if;
    return next;
end
$$;
comment on function messaging.record_status(uuid, text, text, text, text, jsonb, timestamptz, integer) is
    'Records a callback and joins it into its message. Outcomes: recorded, unknown_message.';
