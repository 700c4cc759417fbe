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
alter function messaging.metadata_object(jsonb) owner to messaging_owner;
revoke all on function messaging.metadata_object(jsonb) from public, anon, authenticated, service_role;
comment on function messaging.metadata_object(jsonb) is
    'metadata as an object: itself, nothing for null, anything else as former_metadata of one.';

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

create or replace trigger messaging_tidy before insert on public.message_logs
    for each row
    when (new.status <> 'pending' or new.external_id is not null or new.sent_at is null
        or new.recipient not like '+%' or jsonb_typeof(new.metadata) <> 'object')
    execute function messaging.tidy_message();

-- Both promise what they promised; join_error has a migration of its own.
create or replace function messaging.settle_message(
    p_id uuid, p_sid text, p_status text, p_error_code text, p_error_message text, p_details jsonb,
    p_release boolean, p_at timestamptz)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
set lock_timeout = '5s'
as $$
declare
    v_at constant timestamptz := coalesce(p_at, clock_timestamp());
    v_row record;
    v_sid text := nullif(p_sid, '');
    v_details jsonb := coalesce(p_details, '{}');
    v_saved jsonb;
begin
    if v_sid is not null then
        perform messaging.sid_lock(v_sid);
    end if;
    select m.external_id, messaging.metadata_object(m.metadata) as metadata into v_row
    from public.message_logs m
    where m.id = p_id
    for no key update;
    if not found then
        return null;
    end if;

    -- One SID, one message; a second one is kept where it harms nobody.
    if v_sid <> v_row.external_id
        or exists (select from public.message_logs m where m.external_id = v_sid and m.id <> p_id)
    then
        v_details := v_details || jsonb_build_object('duplicate_external_id', v_sid);
        v_sid := null;
    end if;
    if v_sid is not null and v_row.external_id is null or not v_row.metadata @> v_details then
        update public.message_logs m
        set external_id = coalesce(m.external_id, v_sid),
            metadata = v_row.metadata || v_details,
            updated_at = clock_timestamp()
        where m.id = p_id;
    end if;

    -- Callbacks first: one that came before this, and failed, is announced.
    if v_sid is not null then
        perform messaging.adopt_events(p_id, v_sid);
    end if;
    -- Who says that nothing was sent is wrong where a callback has proved the contrary.
    if not (p_release and v_row.external_id is not null) then
        perform messaging.join_status(
            p_id, p_status, nullif(p_error_code, ''), nullif(p_error_message, ''), v_at, false);
    end if;

    select to_jsonb(m) into v_saved from public.message_logs m where m.id = p_id;
    if p_release then
        delete from messaging.idempotency_keys k
        where k.message_log_id = p_id and v_saved ->> 'external_id' is null;
    elsif p_status <> 'unknown' then
        update messaging.idempotency_keys k set ended = true, answer = v_saved, twilio_status = p_status
        where k.message_log_id = p_id and k.answer is null;
    else
        update messaging.idempotency_keys k set ended = true
        where k.message_log_id = p_id and not k.ended;
    end if;
    return v_saved;
end
$$;

create or replace function messaging.insert_whatsapp_message() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, public, pg_temp
as $$
declare
    v_sid constant text := nullif(btrim(new.message_sid), '');
    v_known constant boolean := messaging.status_rank(lower(btrim(new.status))) is not null;
    v_created_at constant timestamptz := coalesce(new.created_at, now());
    v_metadata jsonb := case when v_known or nullif(btrim(new.status), '') is null then '{}'
        else jsonb_build_object('former_status', new.status) end;
    v_constraint text;
    v_id uuid;
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
                (coalesce(new.id, gen_random_uuid()), new.request_id, new.recipient_phone, 'whatsapp',
                 coalesce(nullif(new.message_body, ''), new.message_content, ''), 'twilio',
                 case when v_known then new.status else 'pending' end, v_sid, v_metadata,
                 coalesce(new.sent_at, v_created_at), v_created_at, coalesce(new.updated_at, v_created_at),
                 new.sender_id, nullif(new.media_url, ''))
            on conflict (external_id) where external_id is not null do update
            set request_id = coalesce(m.request_id, excluded.request_id),
                message_content = coalesce(nullif(m.message_content, ''), excluded.message_content),
                metadata = excluded.metadata || messaging.metadata_object(m.metadata),
                sender_id = coalesce(m.sender_id, excluded.sender_id),
                media_url = coalesce(m.media_url, excluded.media_url)
            returning m.id into v_id;
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

insert into messaging.schema_migrations (version) values ('20261123080100') on conflict do nothing;
