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
create index if not exists message_status_events_message_log_id_idx
    on messaging.message_status_events (message_log_id) where message_log_id is not null;
alter table messaging.message_status_events owner to messaging_owner;
comment on table messaging.message_status_events is
    'Delivery events as Twilio posted them, one for each (SID, status, error code).';
comment on column messaging.message_status_events.message_log_id is
    'Null while no message has this SID.';
comment on column messaging.message_status_events.received_at is
    'When the first of the equal callbacks arrived.';

insert into messaging.schema_migrations (version) values ('20261109080000') on conflict do nothing;
