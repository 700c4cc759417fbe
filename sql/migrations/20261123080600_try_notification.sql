-- A failed message is announced by an insert into notifications. What stands in its way there (an enum
-- without 'error', a check, a trigger without rights) would be a warning in the log at each failure;
-- so one is tried now, and undone, and the operator told. Changes nothing.
do $$
declare
    v_recipient constant uuid := (select p.id from public.profiles p limit 1);
begin
    if v_recipient is null then
        return;
    end if;
    begin
        -- As the functions run: with the policies, not refused where there are any.
        perform set_config('row_security', 'on', true);
        perform set_config('role', 'messaging_owner', true);
        insert into public.notifications (title, message, type, recipient_id, entity_type, entity_id)
        values ('فشل إرسال رسالة SMS', 'فشل إرسال الرسالة إلى +201012345678. خطأ غير معروف', 'error',
            v_recipient, 'message_log', gen_random_uuid());
        raise exception 'undo' using errcode = 'TWUND';
    exception
        when sqlstate 'TWUND' then
            null;
        when others then
            raise notice 'failed messages will not be announced, an insert into notifications fails: %', sqlerrm;
    end;
end
$$;

insert into messaging.schema_migrations (version) values ('20261123080600') on conflict do nothing;
