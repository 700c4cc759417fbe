-- Every callback, once for each (SID, status, error code), also one whose message is not known (yet).
create table if not exists messaging.message_status_events (
    id bigint generated always as identity primary key,
    message_log_id uuid references public.message_logs (id) on delete set null,
    external_id text not null,
    status text not null,
    error_code text,
    parameters jsonb not null default '{}',
    received_at timestamptz not null default clock_timestamp(),
    unique nulls not distinct (external_id, status, error_code)
);
-- Not of the events without a message: those are looked for by their SID, however many there are.
call pg_temp.keep($$create index message_status_events_message_log_id_idx
    on messaging.message_status_events (message_log_id) where message_log_id is not null$$);
-- The newest ones, for who asks whether Twilio still calls. They come in the order of time, at the index's end.
call pg_temp.keep('create index message_status_events_received_at_idx on messaging.message_status_events (received_at)');
comment on table messaging.message_status_events is
    'Delivery events as Twilio posted them, one for each (SID, status, error code).';
comment on column messaging.message_status_events.message_log_id is
    'Null while no message has this SID.';
comment on column messaging.message_status_events.received_at is
    'When the first of the equal callbacks arrived.';

create or replace function messaging.event_text(p_event messaging.message_status_events) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return nullif(messaging.clipped(coalesce(nullif(p_event.parameters ->> 'ErrorMessage', ''),
        nullif(p_event.parameters ->> 'ChannelStatusMessage', ''))), messaging.error_meaning(p_event.error_code));
end
$$;
comment on function messaging.event_text(messaging.message_status_events) is
    'Twilio''s own text in an event; null where there is none, or only the code''s meaning.';
