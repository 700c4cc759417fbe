-- What an Idempotency-Key stands for: one message, and the answer that its first request got.
create table if not exists messaging.idempotency_keys (
    key uuid primary key,
    fingerprint bytea not null,
    -- The key is claimed before the row is written, in the same transaction.
    message_log_id uuid not null unique
        references public.message_logs (id) on delete cascade deferrable initially deferred,
    begun_at timestamptz not null,
    ended boolean not null default false,
    twilio_status text,
    answer jsonb,
    answered_at timestamptz
);
call pg_temp.keep('alter table messaging.idempotency_keys add column answered_at timestamptz');
comment on table messaging.idempotency_keys is 'Idempotency keys, by caller, with the answer to repeat.';
comment on column messaging.idempotency_keys.key is 'What key_name makes of the caller and the key.';
comment on column messaging.idempotency_keys.fingerprint is
    'Half of the SHA-256 of the message as asked for: the same key with another one is a mistake.';
comment on column messaging.idempotency_keys.ended is
    'The first request has settled, if only to say that the outcome is unknown.';
comment on column messaging.idempotency_keys.answer is
    'The message_logs row when Twilio had answered, as slim_answer leaves it; null while nobody knows.';
comment on column messaging.idempotency_keys.answered_at is 'The row''s updated_at in that answer, where that does not say.';

-- Half of a SHA-256: nobody finds a key whose name is that of somebody else's.
create or replace function messaging.key_name(p_caller text, p_key text) returns uuid
language plpgsql immutable strict set search_path = pg_catalog, pg_temp
as $$
begin
    return encode(substr(sha256(convert_to(
        length(p_caller) || ' ' || p_caller || p_key, 'UTF8')), 1, 16), 'hex')::uuid;
end
$$;
comment on function messaging.key_name(text, text) is 'A caller''s Idempotency-Key, as idempotency_keys has it.';

-- What a key stands for besides its caller: a message, as it was asked for, by whatever account.
create or replace function messaging.fingerprint(
    p_type text, p_recipient text, p_content text, p_request uuid, p_media_url text, p_metadata jsonb)
returns bytea
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return substr(sha256(convert_to(jsonb_build_array(
        p_type, p_recipient, p_content, p_request, p_media_url, coalesce(p_metadata, '{}') - 'account_sid'::text)::text,
        'UTF8')), 1, 16);
end
$$;
comment on function messaging.fingerprint(text, text, text, uuid, text, jsonb) is
    'What idempotency_keys.fingerprint holds of a message.';

-- An answer holds of its row what may change once it is given; the rest is looked up in the row, or stands in
-- the key's own columns, and what is not there is null. Answers of before hold more: the whole row, or nulls.
-- Of metadata the row has for good what was asked for and what Twilio says once (a further try, of which it
-- may say something else, makes the answer whole first).
create or replace function messaging.lasting_metadata() returns text[]
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return '{account_sid,tag,validity,fallback_type,fallback_of,sent_as,template_id,variables,media_urls,direction,from,api_version,num_media,messaging_service_sid}';
end
$$;
comment on function messaging.lasting_metadata() is 'What of a row''s metadata stays once Twilio has answered.';

-- p_id, p_status: what stands in message_log_id and twilio_status; the time of the answer then stands in
-- answered_at. No statement, which would cost each send with a key more than all of these.
drop function if exists messaging.slim_answer(jsonb);
create or replace function messaging.slim_answer(p_saved jsonb, p_id uuid default null, p_status text default null)
returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_metadata constant jsonb := nullif(p_saved -> 'metadata', 'null');
begin
    return jsonb_strip_nulls(jsonb_build_object(
            'external_id', p_saved -> 'external_id',
            'error_code', p_saved -> 'error_code',
            'error_message', p_saved -> 'error_message',
            'delivered_at', p_saved -> 'delivered_at',
            'read_at', p_saved -> 'read_at',
            'failed_at', p_saved -> 'failed_at',
            'sent_at', nullif(p_saved -> 'sent_at', p_saved -> 'created_at'),
            'id', nullif((p_saved ->> 'id')::uuid, p_id),
            'status', nullif(p_saved ->> 'status', p_status),
            'updated_at', case when p_id is null then p_saved -> 'updated_at' end))
        || case when v_metadata is null then '{}'
            when jsonb_typeof(v_metadata) = 'object'
            then jsonb_build_object('metadata', v_metadata - messaging.lasting_metadata())
            else jsonb_build_object('metadata', v_metadata) end;
end
$$;
comment on function messaging.slim_answer(jsonb, uuid, text) is
    'Of a row as JSON what may change, and what its key does not hold.';

drop function if exists messaging.whole_answer(jsonb);
create or replace function messaging.whole_answer(p_key messaging.idempotency_keys) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_answer constant jsonb := p_key.answer;
begin
    if v_answer ? 'created_at' then
        return v_answer;
    end if;
    return (
        select to_jsonb(m)
            || '{"external_id": null, "error_code": null, "error_message": null, "delivered_at": null, "read_at": null, "failed_at": null}'
            || jsonb_build_object('sent_at', m.created_at, 'status', p_key.twilio_status,
                'updated_at', coalesce(p_key.answered_at, m.updated_at))
            || v_answer
            || case when jsonb_typeof(m.metadata) = 'object' and jsonb_typeof(v_answer -> 'metadata') = 'object'
                then jsonb_build_object('metadata', (
                    select coalesce(jsonb_object_agg(a.key, a.value), '{}')
                    from jsonb_each(m.metadata) as a
                    where a.key = any (messaging.lasting_metadata())) || (v_answer -> 'metadata'))
                else '{}' end
        from public.message_logs m
        where m.id = coalesce(v_answer ->> 'id', p_key.message_log_id::text)::uuid
    );
end
$$;
comment on function messaging.whole_answer(messaging.idempotency_keys) is 'The row as JSON that was answered.';
