-- Record: one callback of Twilio's. Safe to run again.
--
-- Under concurrency it promises:
-- * Equal callbacks, however many at a time, leave one event, one change of the row and at most one
--   notification: all that work on one SID wait for each other, settle_message included.
-- * An event whose message is not known is kept, and joined in when the SID becomes known.
-- * A row is found by its SID; by its id only while it has none, and then gets this one.
-- * What is told of an attempt that was given up, and tried again since, is kept as an event and moves
--   its row only where it says that the message has arrived.
-- * Of equal callbacks the event keeps the parameters of the one whose text counts. That a repetition
--   tells nothing new is seen by its parameters being the same (equal parameters have equal texts: the
--   programs write strings, and lists of them); texts are looked up and compared where they differ.
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
    v_former boolean := false;
    v_status text;
    v_set text := set_config('lock_timeout', coalesce(p_patience, 5000)::text, true);
begin
    perform messaging.sid_lock(p_sid);

    -- Locked before the event refers to it: the foreign key's own lock then costs nothing more.
    select m.id into record_status.id from public.message_logs m where m.external_id = p_sid
    for no key update;
    if not found then
        select m.id, m.status into record_status.id, v_status
        from messaging.message_status_events e
        join public.message_logs m on m.id = e.message_log_id
            and m.metadata @> jsonb_build_object('attempts', jsonb_build_array(jsonb_build_object('sid', p_sid)))
        where e.external_id = p_sid
        limit 1
        for no key update of m;
        v_former := found;
    end if;
    if id is null and p_id is not null then
        update public.message_logs m set external_id = p_sid, updated_at = clock_timestamp()
        where m.id = p_id and m.external_id is null
        returning m.id into record_status.id;
    end if;

    -- Also where the SID was known: somebody else may have written the row with it.
    if id is not null and exists (
        select from messaging.message_status_events e where e.external_id = p_sid and e.message_log_id is null)
    then
        perform messaging.adopt_events(id, p_sid);
    end if;

    insert into messaging.message_status_events as e
        (message_log_id, external_id, status, error_code, parameters, received_at)
    values (record_status.id, p_sid, p_status, v_code, coalesce(p_parameters, '{}'), v_at)
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

    external_id := p_sid;
    if id is null then
        outcome := 'unknown_message';
        return next;
        return;
    end if;
    outcome := 'recorded';
    if v_former and p_status not in ('delivered', 'read') then
        status := v_status;
        return next;
        return;
    end if;
    status := messaging.join_status(id, p_status, v_code, p_error_message, v_at, true);
    return next;
end
$$;
comment on function messaging.record_status(uuid, text, text, text, text, jsonb, timestamptz, integer) is
    'Records a callback and joins it into its message. Outcomes: recorded, unknown_message.';
