-- Whatever goes wrong with a notification, the callback that caused it is kept.

-- Tells the sender, else whoever made the request, that a message has failed. An exception of the
-- application's own triggers and policies, also of those on the look-up of who made the request, must
-- not cost the status: it becomes a warning.
create or replace function messaging.notify_failure(p_id uuid) returns void
language plpgsql volatile
as $$
declare
    v_recipient uuid;
    v_row record;
begin
    select m.recipient, m.message_type, m.error_code, m.sender_id, m.request_id, t.meaning_ar
    into v_row
    from public.message_logs m
    left join messaging.twilio_errors t on t.code = m.error_code
    where m.id = p_id;

    begin
        v_recipient := coalesce(v_row.sender_id,
            (select r.created_by from public.maintenance_requests r where r.id = v_row.request_id));
        if v_recipient is null then
            return;
        end if;
        insert into public.notifications
            (title, message, type, recipient_id, entity_type, entity_id, message_log_id)
        values (
            case v_row.message_type when 'whatsapp' then 'فشل إرسال رسالة واتساب' else 'فشل إرسال رسالة SMS' end,
            format('فشل إرسال الرسالة إلى %s. %s', v_row.recipient,
                coalesce(v_row.meaning_ar, 'خطأ غير معروف' || coalesce(' (' || v_row.error_code || ')', ''))),
            'error', v_recipient, 'message_log', p_id, p_id);
    exception when others then
        raise warning 'no notification for message %: %', p_id, sqlerrm;
    end;
end
$$;

-- A restrictive policy narrows what the functions may do like anybody else's.
do $$
declare
    found record;
begin
    for found in
        select p.polname, p.polrelid::regclass as relation
        from pg_policy p
        where p.polrelid in ('public.user_roles'::regclass, 'public.maintenance_requests'::regclass,
                'public.notifications'::regclass)
          and not p.polpermissive and p.polroles && array[0, 'messaging_owner'::regrole]::oid[]
        order by 2, 1
    loop
        raise notice 'policy "%" of % is restrictive and holds for messaging_owner too: alter policy % on % to authenticated, unless that is what it is for',
            found.polname, found.relation, quote_ident(found.polname), found.relation;
    end loop;
end
$$;

insert into messaging.schema_migrations (version) values ('20261123080300') on conflict do nothing;
