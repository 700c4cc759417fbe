-- Who has written to us by WhatsApp, and when: for 24 hours after that free text may go there.

create table if not exists messaging.inbound_messages (
    number text not null,
    message_log_id uuid not null references public.message_logs (id) on delete cascade,
    primary key (number, message_log_id)
);
call pg_temp.keep($$create index inbound_messages_message_log_id_idx on messaging.inbound_messages (message_log_id)$$);
comment on table messaging.inbound_messages is
    'By whose number which row of message_logs is an inbound WhatsApp message: one that others write.';

create or replace function messaging.is_inbound(p_row public.message_logs) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select p_row.message_type = 'whatsapp'
        and coalesce(lower(p_row.provider), 'twilio') = 'twilio'
        and (coalesce(lower(p_row.status), '') = 'received'
            or coalesce(lower(p_row.metadata ->> 'direction'), '') in ('incoming', 'inbound'))
$$;
comment on function messaging.is_inbound(public.message_logs) is 'Whether a row is an inbound WhatsApp message.';

-- The person's number stands in recipient or in metadata.from; ours, which stands in the other, is nobody
-- we write to.
create or replace function messaging.numbers_of(p_row public.message_logs) returns setof text
language sql stable set search_path = pg_catalog, pg_temp
as $$
    -- WhatsApp's own numbers are international without a plus.
    select distinct number
    from unnest(array[p_row.recipient, p_row.metadata ->> 'from']) as n
    cross join lateral coalesce(messaging.international_number(n),
        '+' || substring(n from '^(?:whatsapp:)?([1-9]\d{7,14})$')) as number
    where number is not null
$$;
comment on function messaging.numbers_of(public.message_logs) is 'Both numbers of an inbound row, as E.164.';

-- With the trigger that it was of.
drop function if exists messaging.note_inbound() cascade;
create or replace function messaging.note_inbound(p_row public.message_logs) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    insert into messaging.inbound_messages (number, message_log_id)
    select n, p_row.id from messaging.numbers_of(p_row) as n
    on conflict do nothing;
    -- Of a person who writes much only the newest are of use.
    delete from messaging.inbound_messages i
    using public.message_logs m
    where i.number in (select n from messaging.numbers_of(p_row) as n)
      and m.id = i.message_log_id and least(m.sent_at, m.created_at) < now() - interval '2 days';
exception when others then
    -- Not at the cost of the row.
    raise warning 'inbound message % is not noted: %', p_row.id, sqlerrm;
end
$$;
comment on function messaging.note_inbound(public.message_logs) is 'Notes who has written to us, by an inbound row.';

insert into messaging.inbound_messages (number, message_log_id)
select n, m.id
from public.message_logs m
cross join lateral messaging.numbers_of(m) as n
where m.created_at > now() - interval '1 day' and messaging.is_inbound(m)
on conflict do nothing;

create or replace function messaging.window_is_open(p_number text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from messaging.inbound_messages i
        join public.message_logs m on m.id = i.message_log_id
        where i.number = p_number
          and least(m.sent_at, m.created_at) > now() - interval '24 hours'
          and messaging.is_inbound(m))
$$;
comment on function messaging.window_is_open(text) is
    'Whether the person has written to us by WhatsApp within 24 hours, so that free text may go there.';
