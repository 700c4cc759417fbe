-- What in the application's own tables stands in the functions' way: the operator is told. Changes nothing.

-- Triggers that the functions set off run with the functions' rights, and find by its bare name only what
-- is PostgreSQL's.
do $$
declare
    found record;
begin
    for found in
        select t.tgname, t.tgrelid::regclass as relation, p.oid::regprocedure as function, p.prosecdef,
            exists (select from unnest(p.proconfig) as setting where setting like 'search_path=%') as has_path
        from pg_trigger t
        join pg_proc p on p.oid = t.tgfoid
        where t.tgrelid in ('public.message_logs'::regclass, 'public.notifications'::regclass)
          and not t.tgisinternal and t.tgenabled <> 'D'
          -- Not what compares or takes apart: is distinct from, extract(epoch from …).
          and regexp_replace(p.prosrc, '--[^\n]*|\mdistinct\s+from\M|\mextract\s*\(\s*\w+\s+from\M', '', 'gi')
              ~* '\m(insert\s+into|update|perform|execute|from|join)\M'
    loop
        if not found.prosecdef then
            raise notice 'trigger % of % does more than look at its row: make % security definer, or grant messaging_owner what it needs',
                found.tgname, found.relation, found.function;
        end if;
        if not found.has_path then
            raise notice 'trigger % of % may name what it does not find: alter function % set search_path = public, pg_temp',
                found.tgname, found.relation, found.function;
        end if;
    end loop;

    -- A restrictive policy narrows what the functions may do like anybody else's.
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

-- Whatever else it may be (an enum without 'error', a check, a trigger without rights): what the functions
-- write is tried as they do it, and undone. A failed notification would be a warning in the log at each
-- failure, a failed message one that is never sent.
create or replace function pg_temp.refusal(p_statements text) returns text
language plpgsql
as $$
begin
    -- With the policies, not refused where there are any.
    perform set_config('row_security', 'on', true);
    perform set_config('role', 'messaging_owner', true);
    execute p_statements;
    raise exception 'undo' using errcode = 'TWUND';
exception
    when sqlstate 'TWUND' then
        return null;
    when others then
        return sqlerrm;
end
$$;

do $$
declare
    v_recipient constant uuid := (select p.id from public.profiles p limit 1);
    v_refusal text;
begin
    v_refusal := pg_temp.refusal(format($try$
        insert into public.message_logs (id, recipient, message_type, message_content, provider, status, metadata)
        values (%1$L, '+201012345678', 'sms', '', 'twilio', 'pending', '{}');
        update public.message_logs m set status = 'queued', external_id = %1$L where m.id = %1$L;
        $try$, gen_random_uuid()));
    if v_refusal is not null then
        raise notice 'no message will be sent, an insert into message_logs or an update of it fails: %', v_refusal;
    end if;
    v_refusal := pg_temp.refusal(format($try$
        insert into public.notifications (title, message, type, recipient_id, entity_type, entity_id)
        values ('فشل إرسال رسالة SMS', 'فشل إرسال الرسالة إلى +201012345678. خطأ غير معروف', 'error', %L,
            'message_log', gen_random_uuid());
        $try$, v_recipient));
    if v_recipient is not null and v_refusal is not null then
        raise notice 'failed messages will not be announced, an insert into notifications fails: %', v_refusal;
    end if;
end
$$;

drop function pg_temp.refusal(text);
