-- Status is a join: the functions below move a row up the fixed order and never down, so arrival
-- order, repetitions and replays cannot change where it ends. They are the inside of settle_message,
-- record_status and the view whatsapp_messages; nobody else may call them.

drop function if exists messaging.sid_lock(text);
create or replace function messaging.sid_lock(p_sid text, p_wait boolean default true) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_key constant bigint := hashtextextended(p_sid, 5202611140800);
begin
    if not p_wait then
        return pg_try_advisory_xact_lock(v_key);
    end if;
    perform pg_advisory_xact_lock(v_key);
    return true;
end
$$;
comment on function messaging.sid_lock(text, boolean) is
    'Makes the transactions that work on one SID wait for each other; without waiting, false where one does.';

-- metadata is an object here, and whoever writes it need not know: JSON.stringify into a jsonb column
-- leaves a string, and service_role may set anything. What is no object is kept in one, as
-- former_metadata, as soon as something is to be added; no status and no error is lost for it.
create or replace function messaging.metadata_object(p_metadata jsonb) returns jsonb
language plpgsql stable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case coalesce(jsonb_typeof(p_metadata), 'null')
        when 'object' then p_metadata
        when 'null' then '{}'
        else jsonb_build_object('former_metadata', p_metadata) end;
end
$$;
comment on function messaging.metadata_object(jsonb) is
    'metadata as an object: itself, nothing for null, anything else as former_metadata of one.';

-- read_at stands in metadata as well, as ISO 8601 in UTC, where a screen reads it. What stood there and
-- was no time is kept as former_read_at.
create or replace function messaging.with_read_at(p_metadata jsonb, p_read_at timestamptz) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_metadata constant jsonb := messaging.metadata_object(p_metadata);
begin
    return case when p_read_at is null then p_metadata
        else v_metadata
            || case when v_metadata ? 'read_at' and messaging.time_of(v_metadata -> 'read_at') is null
                    and v_metadata -> 'read_at' not in ('null', '""')
                then jsonb_build_object('former_read_at', v_metadata -> 'read_at') else '{}' end
            || jsonb_build_object('read_at', to_char(p_read_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        end;
end
$$;
comment on function messaging.with_read_at(jsonb, timestamptz) is 'metadata with read_at in step with the column.';

create or replace function messaging.mark_read() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    new.metadata := case when new.read_at is null then messaging.metadata_object(new.metadata) - 'read_at'
        else messaging.with_read_at(new.metadata, new.read_at) end;
    return new;
end
$$;
comment on function messaging.mark_read() is 'Trigger of message_logs: keeps metadata in step with read_at.';

call pg_temp.keep($$create trigger messaging_read before update of read_at on public.message_logs
    for each row
    when (new.read_at is distinct from old.read_at)
    execute function messaging.mark_read()$$);

-- A row with one error more, told with a status that is known. Code and text always come from the same
-- event: of several errors with a code the row shows that of the greatest status, of equals the smallest
-- code, of equals the smallest text of Twilio's own; where Twilio sent none, the code's meaning (so a text
-- that is the meaning counts as none). A text without a code is shown only where no event brought a code:
-- that of the greatest status, of equals the smallest. Nothing is ever taken away by an event that lacks
-- it. metadata remembers which status brought what is shown: error_status, or error_message_status for a
-- text without a code.
create or replace function messaging.with_error(
    p_row public.message_logs, p_status text, p_code text, p_message text)
returns public.message_logs
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_code constant text := messaging.error_number(p_code);
    v_text constant text := nullif(nullif(p_message, ''), messaging.error_meaning(v_code));
    v_own constant text := nullif(p_row.error_message, messaging.error_meaning(p_row.error_code));
    v_metadata constant jsonb := messaging.metadata_object(p_row.metadata);
    v_rank constant integer := messaging.status_rank(p_status);
    v_there constant integer := coalesce(
        messaging.status_rank(v_metadata ->> case when p_row.error_code is null then 'error_message_status'
            else 'error_status' end),
        -- An error from before the migration has no mark: it came with a failure.
        messaging.status_rank(case when p_row.status in ('failed', 'undelivered') then p_row.status
            else 'failed' end));
begin
    if v_code is null and (v_text is null or p_row.error_code is not null) then
        return p_row;
    end if;
    if p_row.error_code is null and (v_code is not null or p_row.error_message is null)
        or v_rank > v_there
        or v_rank = v_there and (
            (length(v_code), v_code collate "C") < (length(p_row.error_code), p_row.error_code collate "C")
            or v_code is not distinct from p_row.error_code
                and coalesce(v_text collate "C" < v_own, v_text is not null))
    then
        p_row.error_code := v_code;
        p_row.error_message := coalesce(v_text, messaging.error_meaning(v_code));
        p_row.metadata := v_metadata - '{error_status,error_message_status}'::text[] || jsonb_build_object(
            case when v_code is null then 'error_message_status' else 'error_status' end, p_status);
    end if;
    return p_row;
end
$$;
comment on function messaging.with_error(public.message_logs, text, text, text) is
    'A row with the error joined into it that a status brought.';

-- The caller holds the row's lock.
create or replace function messaging.join_error(p_id uuid, p_status text, p_code text, p_message text)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_row public.message_logs;
    v_new public.message_logs;
begin
    select m.* into v_row from public.message_logs m where m.id = p_id;
    v_new := messaging.with_error(v_row, p_status, p_code, p_message);
    if (v_new.error_code, v_new.error_message, v_new.metadata)
        is distinct from (v_row.error_code, v_row.error_message, v_row.metadata)
    then
        update public.message_logs m
        set error_code = v_new.error_code, error_message = v_new.error_message, metadata = v_new.metadata
        where m.id = p_id;
    end if;
end
$$;
comment on function messaging.join_error(uuid, text, text, text) is
    'Joins the error that a status brought into a row.';

-- Joins one status into a row and returns the row's status after it. Takes the row's lock, so two
-- joins of one row wait for each other; the row is written only where something changes, and without
-- touching metadata or an indexed column unless there is an error, or it was read. Of a message that first
-- becomes failed or undelivered is written down what follows; where nothing does, and it was by a callback
-- (or in the answer to its creation, which counts as one), it makes its notification.
create or replace function messaging.join_status(
    p_id uuid, p_status text, p_error_code text, p_error_message text, p_at timestamptz, p_callback boolean)
returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_row record;
    v_status text;
    v_delivered_at timestamptz;
    v_read_at timestamptz;
    v_failed_at timestamptz;
    v_followed boolean;
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
    if p_error_code <> '' or p_error_message <> '' then
        perform messaging.join_error(p_id, p_status, p_error_code, p_error_message);
    end if;
    if p_status in ('failed', 'undelivered') and v_status = p_status
        and coalesce(v_row.status, '') not in ('failed', 'undelivered')
    then
        v_followed := messaging.plan_follow_up(p_id, make_interval(secs => case when p_callback then 0 else 60 end));
        if p_callback and not v_followed then
            perform messaging.tell_failure(p_id);
        end if;
    end if;
    return v_status;
end
$$;
comment on function messaging.join_status(uuid, text, text, text, timestamptz, boolean) is
    'Joins a status into a row; returns the row''s status after it.';

-- Joins in what came under a SID before the SID was known, in the order of arrival. The caller holds the
-- SID's lock, or a row that has the SID already, so no event can be kept aside at the same time;
-- adopt_message holds neither, and says why.
create or replace function messaging.adopt_events(p_id uuid, p_sid text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
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
