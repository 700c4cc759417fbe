-- What the rows hold that was written before these rules: an error's text always comes from the event that
-- its code came from, a code of 0 is none, and read_at stands in the column and, as ISO 8601, in metadata,
-- in whichever of them it was.
do $$
declare
    v_triggers constant name[] := array(
        select t.tgname from pg_trigger t
        where t.tgrelid = 'public.message_logs'::regclass and not t.tgisinternal and t.tgenabled <> 'D'
        order by t.oid);
    v_enabled constant text[] := array(
        select case t.tgenabled when 'R' then 'replica' when 'A' then 'always' else '' end
        from pg_trigger t
        where t.tgrelid = 'public.message_logs'::regclass and not t.tgisinternal and t.tgenabled <> 'D'
        order by t.oid);
begin
    -- The application's triggers are for what happens, not for what is put in order.
    set constraints all immediate;
    for i in 1 .. cardinality(v_triggers) loop
        execute format('alter table public.message_logs disable trigger %I', v_triggers[i]);
    end loop;

    update public.message_logs m
    set error_code = null,
        error_message = nullif(m.error_message, 'Twilio error ' || m.error_code),
        metadata = messaging.metadata_object(m.metadata) - 'error_status'
    where m.error_code is not null and messaging.error_number(m.error_code) is null;

    update public.message_logs m
    set error_message = coalesce((
            select messaging.event_text(e)
            from messaging.message_status_events e
            where e.message_log_id = m.id and e.error_code = m.error_code
              and e.status = m.metadata ->> 'error_status'), messaging.error_meaning(m.error_code)),
        metadata = m.metadata - 'error_message_status'
    where m.error_code is not null and m.metadata ? 'error_message_status';

    with times as materialized (
        select m.id, least(m.read_at, messaging.time_of(m.metadata -> 'read_at')) as read_at
        from public.message_logs m
        where m.read_at is not null or m.metadata ? 'read_at')
    update public.message_logs m
    set read_at = t.read_at, metadata = messaging.with_read_at(m.metadata, t.read_at)
    from times t
    where t.id = m.id and messaging.with_read_at(m.metadata, t.read_at) is distinct from m.metadata;

    for i in 1 .. cardinality(v_triggers) loop
        execute format('alter table public.message_logs enable %s trigger %I', v_enabled[i], v_triggers[i]);
    end loop;
end
$$;
