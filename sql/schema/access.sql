-- Who may do what: staff read all messages, a user reads what he sent and what is about his own requests,
-- service_role inserts and updates, the programs call their functions, messaging_owner does the
-- functions' work. Nobody else writes, and none of them deletes. What no list here names, nobody has.

---- policies

-- One policy for users, in which the cheapest answer stands first and the list last: staff, who read
-- all anyhow, do not wait for the list of their own requests.
call pg_temp.keep($$create policy "messaging: staff read all, users their own" on public.message_logs
    for select to authenticated using (
        (select messaging.is_staff())
        or sender_id = (select auth.uid())
        or request_id in (select messaging.own_requests()))$$);
call pg_temp.keep($$create policy "messaging: service reads" on public.message_logs
    for select to service_role using (true)$$);
call pg_temp.keep($$create policy "messaging: service inserts" on public.message_logs
    for insert to service_role with check (true)$$);
call pg_temp.keep($$create policy "messaging: service updates" on public.message_logs
    for update to service_role using (true) with check (true)$$);
call pg_temp.keep($$create policy "messaging: functions" on public.message_logs
    for all to messaging_owner using (true) with check (true)$$);
call pg_temp.keep($$create policy "messaging: staff read all" on messaging.message_status_events
    for select to authenticated using ((select messaging.is_staff()))$$);
call pg_temp.keep($$create policy "messaging: service reads" on messaging.message_status_events
    for select to service_role using (true)$$);
call pg_temp.keep($$create policy "messaging: staff read all" on messaging.daily_totals
    for select to authenticated using ((select messaging.is_staff()))$$);
call pg_temp.keep($$create policy "messaging: service reads" on messaging.daily_totals
    for select to service_role using (true)$$);
call pg_temp.keep($$create policy "messaging: staff read all" on messaging.daily_failures
    for select to authenticated using ((select messaging.is_staff()))$$);
call pg_temp.keep($$create policy "messaging: service reads" on messaging.daily_failures
    for select to service_role using (true)$$);
call pg_temp.keep($$create policy "messaging: staff read all" on messaging.daily_delivery
    for select to authenticated using ((select messaging.is_staff()))$$);
call pg_temp.keep($$create policy "messaging: service reads" on messaging.daily_delivery
    for select to service_role using (true)$$);
call pg_temp.keep($$create policy "messaging: whoever may" on messaging.twilio_errors
    for select using (true)$$);
-- What the functions need of the neighbours, also where those have row-level security.
call pg_temp.keep($$create policy "messaging: functions" on public.maintenance_requests
    for select to messaging_owner using (true)$$);
call pg_temp.keep($$create policy "messaging: functions" on public.user_roles
    for select to messaging_owner using (true)$$);
call pg_temp.keep($$create policy "messaging: functions" on public.notifications
    for insert to messaging_owner with check (true)$$);
call pg_temp.keep($$create policy "messaging: functions look" on public.notifications
    for select to messaging_owner using (true)$$);
call pg_temp.keep($$create policy "messaging: functions blank" on public.notifications
    for update to messaging_owner using (true) with check (true)$$);

---- owner, row-level security, and no rights

do $$
declare
    found record;
begin
    for found in
        select 'routine' as kind, p.oid::regprocedure::text as name, p.proowner as owner, false as unprotected,
            false as unmentioned
        from pg_proc p
        where p.pronamespace = 'messaging'::regnamespace
        union all
        select 'table', c.oid::regclass::text, c.relowner, c.relkind = 'r' and not c.relrowsecurity,
            c.relkind = 'r' and not exists (select from pg_policy p where p.polrelid = c.oid)
        from pg_class c
        where c.relnamespace = 'messaging'::regnamespace and c.relkind in ('r', 'v')
          and c.relname <> 'whatsapp_messages_legacy'
    loop
        if found.owner <> 'messaging_owner'::regrole then
            execute format('alter %s %s owner to messaging_owner', found.kind, found.name);
        end if;
        if found.unprotected then
            execute format('alter table %s enable row level security', found.name);
        end if;
        -- It says what holds anyhow: that such a table is the functions' alone.
        if found.unmentioned then
            execute format('create policy "messaging: functions" on %s for all to messaging_owner using (true)', found.name);
        end if;
        execute format('revoke all on %s %s from public, anon, authenticated, service_role, twilio_cgi',
            found.kind, found.name);
    end loop;
    if not (select c.relrowsecurity from pg_class c where c.oid = 'public.message_logs'::regclass) then
        alter table public.message_logs enable row level security;
    end if;
end
$$;
revoke all on schema messaging from public;
revoke all on public.message_logs, public.message_report,
    public.message_report_by_tag, public.message_failures, public.message_timeline, public.message_dead_numbers
    from public, anon, authenticated, service_role, twilio_cgi, messaging_owner;

---- rights

grant usage on schema messaging to twilio_cgi, authenticated, service_role;
grant execute on function
    messaging.claim_follow_up,
    messaging.expirable,
    messaging.expire,
    messaging.forget_recipient,
    messaging.known_sids,
    messaging.metrics,
    messaging.reconcile_begin,
    messaging.reconcile_day,
    messaging.reconcile_end,
    messaging.reconcile_listed,
    messaging.reconcile_missed,
    messaging.reconcile_orphans,
    messaging.reconcile_redacted,
    messaging.record_status,
    messaging.record_statuses,
    messaging.report,
    messaging.reserve_fallback,
    messaging.reserve_message,
    messaging.restore_reservation,
    messaging.schema_version,
    messaging.settle_message,
    messaging.unsettled_messages,
    messaging.withdraw_reservation
    to twilio_cgi;

grant select on public.message_logs to authenticated;
grant select, insert, update on public.message_logs to service_role;
-- The application's own column, where it has it.
do $$
begin
    if exists (
        select from pg_attribute a
        where a.attrelid = 'public.message_logs'::regclass and a.attname = 'retry_count' and not a.attisdropped)
    then
        grant update (retry_count) on public.message_logs to authenticated;
        call pg_temp.keep($statement$create policy "messaging: staff count retries" on public.message_logs
            for update to authenticated
            using ((select messaging.is_staff())) with check ((select messaging.is_staff()))$statement$);
    end if;
end
$$;
-- Views of it, which read and write with the rights of whoever uses them.
do $$
declare
    v_all constant text := 'revoke all on public.%I from public, anon, authenticated, service_role, twilio_cgi, messaging_owner';
begin
    if not pg_temp.of_meta(to_regclass('public.whatsapp_messages')) then
        execute format(v_all, 'whatsapp_messages');
        grant select on public.whatsapp_messages to authenticated;
        grant select, insert, update (status, delivered_at, read_at, failed_at, error_code, error_message, updated_at)
            on public.whatsapp_messages to service_role;
    end if;
    if pg_temp.reads(to_regclass('public._legacy_message_logs'), 'public.message_logs') then
        execute format(v_all, '_legacy_message_logs');
        grant select on public._legacy_message_logs to authenticated;
        grant select, insert, update on public._legacy_message_logs to service_role;
        if exists (
            select from pg_attribute a
            where a.attrelid = 'public._legacy_message_logs'::regclass and a.attname = 'retry_count')
        then
            grant update (retry_count) on public._legacy_message_logs to authenticated;
        end if;
    end if;
end
$$;
grant select on messaging.message_status_events to authenticated, service_role;
-- The reports read them with the reader's rights.
grant select on messaging.twilio_errors, messaging.outbound_messages, messaging.message_facts,
    messaging.daily_totals, messaging.daily_failures, messaging.daily_delivery,
    messaging.message_sums, messaging.message_report_lines, messaging.delivery_report, messaging.failure_report
    to authenticated, service_role;
grant select on public.message_report, public.message_report_by_tag, public.message_failures,
    public.message_timeline, public.message_dead_numbers to authenticated, service_role;
grant select on public.message_report, public.message_failures, public.message_dead_numbers to messaging_owner;
grant execute on function messaging.current_user_id, messaging.own_requests to authenticated;
grant execute on function messaging.is_staff, messaging.may_read_reports, messaging.reported_days,
    messaging.cairo_day, messaging.day_begins, messaging.day_sums, messaging.day_failures, messaging.error_meaning_ar
    to authenticated, service_role;

-- Deleting is for withdraw_reservation, which takes back what nobody was told of, and for what is forgotten.
grant select, insert, update, delete on public.message_logs to messaging_owner;
grant select (id, created_by) on public.maintenance_requests to messaging_owner;
grant select on public.user_roles to messaging_owner;
grant insert, select (message_log_id, message, type, entity_type), update (message) on public.notifications
    to messaging_owner;
-- Triggers of the application that our functions set off find their tables where they expect them.
grant usage on schema public to messaging_owner;
-- What is forgotten is forgotten in the frozen former table, too.
do $$
begin
    if to_regclass('messaging.whatsapp_messages_legacy') is not null then
        grant select, delete on messaging.whatsapp_messages_legacy to messaging_owner;
        call pg_temp.keep($statement$create policy "messaging: functions" on messaging.whatsapp_messages_legacy
            for all to messaging_owner using (true)$statement$);
    end if;
end
$$;
