-- What an Idempotency-Key stands for: one message, and the answer that its first request got.
create table if not exists messaging.idempotency_keys (
    caller text not null,
    key text not null,
    fingerprint bytea not null,
    -- The key is claimed before the row is written, in the same transaction.
    message_log_id uuid not null unique
        references public.message_logs (id) on delete cascade deferrable initially deferred,
    begun_at timestamptz not null,
    ended boolean not null default false,
    twilio_status text,
    answer jsonb,
    primary key (caller, key)
);
comment on table messaging.idempotency_keys is 'Idempotency keys, by caller, with the answer to repeat.';
comment on column messaging.idempotency_keys.fingerprint is
    'SHA-256 of the message as asked for: the same key with another one is a mistake.';
comment on column messaging.idempotency_keys.ended is
    'The first request has settled, if only to say that the outcome is unknown.';
comment on column messaging.idempotency_keys.answer is
    'The message_logs row when Twilio had answered, as slim_answer leaves it; null while nobody knows.';

-- What a key stands for besides its caller: a message, as it was asked for, by whatever account.
create or replace function messaging.fingerprint(
    p_type text, p_recipient text, p_content text, p_request uuid, p_media_url text, p_metadata jsonb)
returns bytea
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return sha256(convert_to(jsonb_build_array(
        p_type, p_recipient, p_content, p_request, p_media_url, coalesce(p_metadata, '{}') - 'account_sid'::text)::text, 'UTF8'));
end
$$;
comment on function messaging.fingerprint(text, text, text, uuid, text, jsonb) is
    'What idempotency_keys.fingerprint holds of a message.';

-- An answer holds of its row what may change once it is given; the rest is looked up in the row.
-- Answers of before, which hold the whole row, are what they are.
create or replace function messaging.slim_answer(p_saved jsonb) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select jsonb_object_agg(s.key, case when s.key = 'metadata' and jsonb_typeof(s.value) = 'object'
            then s.value - '{template_id,variables,media_urls}'::text[] else s.value end)
        from jsonb_each(p_saved) as s
        where s.key in ('id', 'status', 'external_id', 'metadata', 'error_code', 'error_message', 'delivered_at',
                'read_at', 'failed_at', 'updated_at')
           or s.key = 'sent_at' and s.value is distinct from p_saved -> 'created_at'
    );
end
$$;
comment on function messaging.slim_answer(jsonb) is 'Of a row as JSON what may change, and its id.';

create or replace function messaging.whole_answer(p_answer jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    if p_answer ? 'created_at' then
        return p_answer;
    end if;
    return (
        select to_jsonb(m) || jsonb_build_object('sent_at', m.created_at) || p_answer
            || case when jsonb_typeof(p_answer -> 'metadata') = 'object' and jsonb_typeof(m.metadata) = 'object'
                then jsonb_build_object('metadata', p_answer -> 'metadata' || (
                    select coalesce(jsonb_object_agg(a.key, a.value), '{}')
                    from jsonb_each(m.metadata) as a
                    where a.key in ('template_id', 'variables', 'media_urls')))
                else '{}' end
        from public.message_logs m
        where m.id = (p_answer ->> 'id')::uuid
    );
end
$$;
comment on function messaging.whole_answer(jsonb) is 'The row as JSON that was answered.';
