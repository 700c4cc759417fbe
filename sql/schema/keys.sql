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
    'The message_logs row when Twilio had answered; null while nobody knows.';

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
