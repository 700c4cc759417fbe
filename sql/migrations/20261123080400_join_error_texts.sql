-- The text of an error is a join too: equal events (one SID, status and code) may come with different
-- texts or without one, in any order and with the message's row before or after them.

-- What is shown where Twilio sent no text.
create or replace function messaging.error_meaning(p_code text) returns text
language sql stable
as $$
    select coalesce((select t.meaning from messaging.twilio_errors t where t.code = p_code), 'Twilio error ' || p_code)
$$;
comment on function messaging.error_meaning(text) is 'The meaning of a code; ''Twilio error N'' where nobody knows it.';

-- In bytes, as the programs count when they clip.
create or replace function messaging.clipped(p_text text) returns text
language sql immutable parallel safe
as $$
    select case when octet_length(p_text) <= 500 then p_text
        else (select left(p_text, max(n)) from generate_series(1, 500) as n where octet_length(left(p_text, n)) <= 500) end
$$;
comment on function messaging.clipped(text) is 'As much of a text as 500 bytes hold.';

create or replace function messaging.event_text(p_event messaging.message_status_events) returns text
language sql stable
as $$
    select nullif(messaging.clipped(coalesce(nullif(p_event.parameters ->> 'ErrorMessage', ''),
        nullif(p_event.parameters ->> 'ChannelStatusMessage', ''))), messaging.error_meaning(p_event.error_code))
$$;
comment on function messaging.event_text(messaging.message_status_events) is
    'Twilio''s own text in an event; null where there is none, or only the code''s meaning.';

-- One error joined into a row: the code shown is that of the greatest status that brought one, of
-- equals the smallest number. The text is Twilio's own for that status and code, of several the
-- smallest; where Twilio sent none, the code's meaning (so a text that is the meaning counts as none).
-- A text without a code comes after those with one, and is shown, beside the code, where its status is
-- the greater; of several the smallest. Nothing is ever taken away by an event that lacks it. metadata
-- remembers which status brought them (error_status; error_message_status where a text without a code
-- outranks the code's). The caller holds the row's lock.
create or replace function messaging.join_error(p_id uuid, p_status text, p_code text, p_message text)
returns void
language plpgsql volatile
as $$
declare
    v_rank constant integer := messaging.status_rank(p_status);
    v_row record;
    v_code_rank integer;
    v_message_rank integer;
    v_text text;
    v_old_text text;
    v_code_wins boolean;
    v_coded boolean;
    v_message_wins boolean;
    v_marks jsonb := '{}';
begin
    select m.error_code, m.error_message,
        m.metadata ->> 'error_status' as code_status,
        m.metadata ->> 'error_message_status' as message_status,
        -- An error from before the migration has no mark: it came with a failure.
        case when m.status in ('failed', 'undelivered') then m.status else 'failed' end as unmarked
    into v_row
    from public.message_logs m
    where m.id = p_id;

    v_code_rank := case when v_row.error_code is null then -1
        else coalesce(messaging.status_rank(v_row.code_status), messaging.status_rank(v_row.unmarked)) end;
    v_message_rank := case when v_row.error_message is null and v_row.error_code is null then -1
        else coalesce(messaging.status_rank(v_row.message_status), messaging.status_rank(v_row.code_status),
            messaging.status_rank(v_row.unmarked)) end;

    v_code_wins := p_code is not null and (v_rank > v_code_rank
        or v_rank = v_code_rank
            and (length(p_code), p_code collate "C") < (length(v_row.error_code), v_row.error_code collate "C"));
    -- A text that is the code's meaning is none of Twilio's own.
    v_text := nullif(p_message, messaging.error_meaning(p_code));
    v_coded := v_row.error_code is not null and v_row.message_status is null;
    v_old_text := case when v_coded then nullif(v_row.error_message, messaging.error_meaning(v_row.error_code))
        else v_row.error_message end;
    v_message_wins := v_rank > v_message_rank
        or v_rank = v_message_rank and case
            when v_coded and p_code = v_row.error_code or not v_coded and p_code is null
            then coalesce(v_text collate "C" < v_old_text, v_text is not null)
            else p_code is not null and (not v_coded or v_code_wins) end;

    if v_code_wins then
        v_marks := jsonb_build_object('error_status', p_status);
    end if;
    if v_message_wins and p_code is null then
        v_marks := v_marks || jsonb_build_object('error_message_status', p_status);
    end if;
    if v_code_wins or v_message_wins then
        update public.message_logs m
        set error_code = case when v_code_wins then p_code else m.error_code end,
            error_message = case when v_message_wins
                then coalesce(v_text, messaging.error_meaning(p_code)) else m.error_message end,
            metadata = case when v_message_wins then messaging.metadata_object(m.metadata) - 'error_message_status'
                else messaging.metadata_object(m.metadata) end || v_marks
        where m.id = p_id;
    end if;
end
$$;

-- Joins in what came under a SID before the SID was known, in the order of arrival. The caller holds
-- the SID's lock, so no event can be kept aside at the same time.
create or replace function messaging.adopt_events(p_id uuid, p_sid text) returns void
language plpgsql volatile
as $$
declare
    v_event messaging.message_status_events;
begin
    for v_event in
        with adopted as (
            update messaging.message_status_events e set message_log_id = p_id
            where e.external_id = p_sid and e.message_log_id is null
            returning e.*)
        select * from adopted order by received_at, id
    loop
        perform messaging.join_status(p_id, v_event.status, v_event.error_code,
            messaging.event_text(v_event),
            v_event.received_at, true);
    end loop;
end
$$;

-- It promises what it promised; and of equal callbacks the event keeps the parameters of the one whose
-- text counts.
create or replace function messaging.record_status(
    p_id uuid, p_sid text, p_status text, p_error_code text, p_error_message text, p_parameters jsonb,
    p_received_at timestamptz)
returns table (outcome text, id uuid, external_id text, status text)
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
set lock_timeout = '5s'
as $$
declare
    v_at constant timestamptz := coalesce(p_received_at, clock_timestamp());
    v_code constant text := nullif(p_error_code, '');
begin
    perform messaging.sid_lock(p_sid);

    -- Locked before the event refers to it: the foreign key's own lock then costs nothing more.
    select m.id into record_status.id from public.message_logs m where m.external_id = p_sid
    for no key update;
    if not found and p_id is not null then
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
        parameters = case when coalesce(
                messaging.event_text(excluded) collate "C" < messaging.event_text(e),
                messaging.event_text(excluded) is not null)
            then excluded.parameters else e.parameters end
    where excluded.received_at < e.received_at
       or coalesce(
            messaging.event_text(excluded) collate "C" < messaging.event_text(e),
            messaging.event_text(excluded) is not null);

    external_id := p_sid;
    if id is null then
        outcome := 'unknown_message';
        return next;
        return;
    end if;
    outcome := 'recorded';
    status := messaging.join_status(id, p_status, v_code, nullif(p_error_message, ''), v_at, true);
    return next;
end
$$;

do $$
declare
    name regprocedure;
begin
    foreach name in array array[
        'messaging.error_meaning(text)', 'messaging.clipped(text)',
        'messaging.event_text(messaging.message_status_events)']::regprocedure[]
    loop
        execute format('alter function %s owner to messaging_owner', name);
        execute format('revoke all on function %s from public, anon, authenticated, service_role', name);
    end loop;
end
$$;

insert into messaging.schema_migrations (version) values ('20261123080400') on conflict do nothing;
