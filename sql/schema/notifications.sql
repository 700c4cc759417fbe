-- Exactly one notification of a failed message, also of a row that had no status at all (an old one
-- may have none) and where somebody has set the status back by hand; and whatever goes wrong with it,
-- the callback that caused it is kept.

-- Tells the sender, else whoever made the request, else every user with a role in
-- messaging.failure_readers, that a message has failed, unless there is a notification of it. An exception
-- of the application's own triggers and policies, also of those on what is looked up here, must not cost
-- the status, nor another user his notification: it becomes a warning. What somebody holds is no reason to
-- make none: then the callback is to come again.
create or replace function messaging.notify_failure(p_id uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_recipient uuid;
    v_recipients uuid[];
    v_row record;
begin
    select m.recipient, m.message_type, m.error_code, m.sender_id, m.request_id into v_row
    from public.message_logs m
    where m.id = p_id;

    begin
        if exists (select from public.notifications n where n.message_log_id = p_id) then
            return;
        end if;
        v_recipient := coalesce(v_row.sender_id,
            (select r.created_by from public.maintenance_requests r where r.id = v_row.request_id));
        v_recipients := case when v_recipient is not null then array[v_recipient] else array(
            select distinct r.user_id
            from public.user_roles r
            join messaging.failure_readers f on f.role = r.role::text
            where r.user_id is not null) end;
    exception
        when lock_not_available or deadlock_detected then
            raise;
        when others then
            raise warning 'no notification for message %: %', p_id, sqlerrm;
            return;
    end;
    foreach v_recipient in array v_recipients loop
        begin
            insert into public.notifications
                (title, message, type, recipient_id, entity_type, entity_id, message_log_id)
            values (
                case v_row.message_type when 'whatsapp' then 'فشل إرسال رسالة واتساب' else 'فشل إرسال رسالة SMS' end,
                format('فشل إرسال الرسالة إلى %s. %s', coalesce(nullif(v_row.recipient, ''), '…'),
                    messaging.error_meaning_ar(v_row.error_code)),
                'error', v_recipient, 'message_log', p_id, p_id);
        exception
            when lock_not_available or deadlock_detected then
                raise;
            when others then
                raise warning 'no notification for message %: %', p_id, sqlerrm;
        end;
    end loop;
end
$$;
comment on function messaging.notify_failure(uuid) is 'Makes the notification of a failed message.';

-- A message that is forgotten takes no notification with it, and no notification keeps a message.
do $$
declare
    found record;
begin
    for found in
        select c.conname
        from pg_constraint c
        where c.conrelid = 'public.notifications'::regclass and c.contype = 'f' and c.confdeltype <> 'n'
          and c.confrelid = 'public.message_logs'::regclass
          and c.conkey = array(
              select a.attnum from pg_attribute a
              where a.attrelid = c.conrelid and a.attname = 'message_log_id' and not a.attisdropped)
    loop
        execute format('alter table public.notifications drop constraint %I', found.conname);
        execute format('alter table public.notifications add constraint %I foreign key (message_log_id)
            references public.message_logs (id) on delete set null not valid', found.conname);
        begin
            execute format('alter table public.notifications validate constraint %I', found.conname);
        exception when foreign_key_violation then
            -- It holds for new ones, as it did before.
            null;
        end;
    end loop;
end
$$;
