-- Status is a join: the functions below move a row up the fixed order and never down, so arrival
-- order, repetitions and replays cannot change where it ends. They are the inside of settle_message,
-- record_status and the view whatsapp_messages; nobody else may call them.

create or replace function messaging.sid_lock(p_sid text) returns void
language sql volatile
as $$
    select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(p_sid, 5202611140800))
$$;
comment on function messaging.sid_lock(text) is
    'Makes the transactions that work on one SID wait for each other.';

-- metadata is an object here, and whoever writes it need not know: JSON.stringify into a jsonb column
-- leaves a string, and service_role may set anything. What is no object is kept in one, as
-- former_metadata, as soon as something is to be added; no status and no error is lost for it.
create or replace function messaging.metadata_object(p_metadata jsonb) returns jsonb
language sql stable parallel safe
as $$
    select case coalesce(jsonb_typeof(p_metadata), 'null')
        when 'object' then p_metadata
        when 'null' then '{}'
        else jsonb_build_object('former_metadata', p_metadata) end
$$;
comment on function messaging.metadata_object(jsonb) is
    'metadata as an object: itself, nothing for null, anything else as former_metadata of one.';

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
comment on function messaging.join_error(uuid, text, text, text) is
    'Joins the error that a status brought into a row.';

-- Joins one status into a row and returns the row's status after it. Takes the row's lock, so two
-- joins of one row wait for each other; the row is written only where something changes, and without
-- touching metadata or an indexed column unless there is an error. By a callback, a message that
-- first becomes failed or undelivered makes its notification.
create or replace function messaging.join_status(
    p_id uuid, p_status text, p_error_code text, p_error_message text, p_at timestamptz, p_callback boolean)
returns text
language plpgsql volatile
as $$
declare
    v_row record;
    v_status text;
    v_delivered_at timestamptz;
    v_read_at timestamptz;
    v_failed_at timestamptz;
begin
    select m.status, m.delivered_at, m.read_at, m.failed_at into v_row
    from public.message_logs m
    where m.id = p_id
    for no key update;
    if not found or messaging.status_rank(p_status) is null then
        return v_row.status;
    end if;

    v_status := messaging.greater_status(v_row.status, p_status);
    v_delivered_at := v_row.delivered_at;
    v_read_at := v_row.read_at;
    v_failed_at := v_row.failed_at;
    if p_status = 'read' then
        v_read_at := least(v_read_at, p_at);
    end if;
    if p_status in ('delivered', 'read') then
        v_delivered_at := least(v_delivered_at, p_at, v_read_at);
    end if;
    if p_status in ('failed', 'undelivered') then
        v_failed_at := least(v_failed_at, p_at);
    end if;

    if (v_status, v_delivered_at, v_read_at, v_failed_at)
        is distinct from (v_row.status, v_row.delivered_at, v_row.read_at, v_row.failed_at)
    then
        update public.message_logs m
        set status = v_status, delivered_at = v_delivered_at, read_at = v_read_at, failed_at = v_failed_at,
            updated_at = clock_timestamp()
        where m.id = p_id;
    end if;
    if p_error_code is not null or p_error_message is not null then
        perform messaging.join_error(p_id, p_status, p_error_code, p_error_message);
    end if;
    if p_callback and p_status in ('failed', 'undelivered') and v_status = p_status
        and coalesce(v_row.status, '') not in ('failed', 'undelivered')
    then
        perform messaging.notify_failure(p_id);
    end if;
    return v_status;
end
$$;
comment on function messaging.join_status(uuid, text, text, text, timestamptz, boolean) is
    'Joins a status into a row; returns the row''s status after it.';

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
comment on function messaging.adopt_events(uuid, text) is
    'Joins the events that came before their message into it.';
