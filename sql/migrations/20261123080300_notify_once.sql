-- Exactly one notification of a failed message, also of a row that had no status at all (an old one
-- may have none) and where somebody has set the status back by hand; and whatever goes wrong with it,
-- the callback that caused it is kept.
grant select (message_log_id) on public.notifications to messaging_owner;
do $$
begin
    if not exists (
        select from pg_policy p
        where p.polrelid = 'public.notifications'::regclass and p.polname = 'messaging: functions look')
    then
        create policy "messaging: functions look" on public.notifications
            for select to messaging_owner using (true);
    end if;
end
$$;

-- Tells the sender, else whoever made the request, that a message has failed, unless there is a
-- notification of it. An exception of the application's own triggers and policies, also of those on
-- what is looked up here, must not cost the status: it becomes a warning.
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
        if v_recipient is null
            or exists (select from public.notifications n where n.message_log_id = p_id)
        then
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

-- Joins one status into a row and returns the row's status after it. Takes the row's lock, so two
-- joins of one row wait for each other; the row is written only where something changes, and without
-- touching metadata or an indexed column unless there is an error. By a callback, a message that
-- first becomes failed or undelivered makes its notification.
create or replace function messaging.join_status(
    p_id uuid, p_status text, p_error_code text, p_error_message text, p_at timestamptz, p_callback boolean)
returns text
language plpgsql volatile
as $$
declare
    v_row record;
    v_status text;
    v_delivered_at timestamptz;
    v_read_at timestamptz;
    v_failed_at timestamptz;
begin
    select m.status, m.delivered_at, m.read_at, m.failed_at into v_row
    from public.message_logs m
    where m.id = p_id
    for no key update;
    if not found or messaging.status_rank(p_status) is null then
        return v_row.status;
    end if;

    v_status := messaging.greater_status(v_row.status, p_status);
    v_delivered_at := v_row.delivered_at;
    v_read_at := v_row.read_at;
    v_failed_at := v_row.failed_at;
    if p_status = 'read' then
        v_read_at := least(v_read_at, p_at);
    end if;
    if p_status in ('delivered', 'read') then
        v_delivered_at := least(v_delivered_at, p_at, v_read_at);
    end if;
    if p_status in ('failed', 'undelivered') then
        v_failed_at := least(v_failed_at, p_at);
    end if;

    if (v_status, v_delivered_at, v_read_at, v_failed_at)
        is distinct from (v_row.status, v_row.delivered_at, v_row.read_at, v_row.failed_at)
    then
        update public.message_logs m
        set status = v_status, delivered_at = v_delivered_at, read_at = v_read_at, failed_at = v_failed_at,
            updated_at = clock_timestamp()
        where m.id = p_id;
    end if;
    if p_error_code is not null or p_error_message is not null then
        perform messaging.join_error(p_id, p_status, p_error_code, p_error_message);
    end if;
    if p_callback and p_status in ('failed', 'undelivered') and v_status = p_status
        and coalesce(v_row.status, '') not in ('failed', 'undelivered')
    then
        perform messaging.notify_failure(p_id);
    end if;
    return v_status;
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
