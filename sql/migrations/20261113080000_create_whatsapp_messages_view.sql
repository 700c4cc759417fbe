-- public.whatsapp_messages for the screens that still read it: the WhatsApp messages of message_logs
-- under the old table's column names, with the reader's own rights.
create or replace view public.whatsapp_messages with (security_invoker = true) as
select
    m.id,
    m.external_id as message_sid,
    m.sender_id,
    m.recipient as recipient_phone,
    m.message_content as message_body,
    m.message_content,
    m.status,
    m.request_id,
    m.media_url,
    m.sent_at,
    m.delivered_at,
    m.read_at,
    m.failed_at,
    m.error_code,
    m.error_message,
    m.created_at,
    m.updated_at
from public.message_logs m
where m.message_type = 'whatsapp';
revoke all on public.whatsapp_messages from public, anon, authenticated, service_role, messaging_owner, twilio_cgi;
grant select on public.whatsapp_messages to authenticated, service_role;
comment on view public.whatsapp_messages is
    'The WhatsApp messages of message_logs under the column names of the former table. Read only.';

insert into messaging.schema_migrations (version) values ('20261113080000') on conflict do nothing;
