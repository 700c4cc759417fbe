-- Refuses what is not a supported starting point, before anything is changed, in one sentence that
-- says what is wrong and how to mend it. Changes nothing, and looks at every run.
do $$
declare
    v_logs constant regclass := pg_temp.table_behind('message_logs');
    v_behind constant regclass := pg_temp.table_behind('whatsapp_messages');
    v_old constant regclass := case when not pg_temp.of_meta(v_behind) then v_behind end;
    found record;
begin
    if current_setting('server_version_num')::integer < 150000 then
        raise exception 'PostgreSQL % is too old for messaging: move the database to version 15 or newer',
            current_setting('server_version');
    end if;

    for found in
        select n.nspowner::regrole as owner
        from pg_namespace n
        where n.nspname = 'messaging'
          and not exists (
              select from pg_class c where c.relnamespace = n.oid and c.relname = 'schema_migrations')
          and n.nspowner is distinct from to_regrole('messaging_owner')
    loop
        raise exception 'schema messaging belongs to % and is not this project''s: rename it with alter schema messaging rename to another name',
            found.owner;
    end loop;

    for found in
        select name from unnest(array['anon', 'authenticated', 'service_role']) as name
        where to_regrole(name) is null
    loop
        raise exception 'role "%" is missing: on a plain PostgreSQL run sql/standalone.sql first', found.name;
    end loop;
    if to_regprocedure('auth.uid()') is null then
        raise exception 'function auth.uid() is missing: on a plain PostgreSQL run sql/standalone.sql first';
    end if;

    for found in
        select c.relname,
            case c.relkind when 'v' then 'a view' when 'm' then 'a materialized view' else 'a foreign table' end as kind
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('v', 'm', 'f')
          and c.relname in ('profiles', 'maintenance_requests', 'user_roles', 'notifications')
    loop
        raise exception 'public.% is %, not a table: rename it, and give the table it reads this name',
            found.relname, found.kind;
    end loop;
    for found in
        select name from unnest(array['profiles', 'maintenance_requests', 'user_roles', 'notifications']) as name
        where not exists (
            select from pg_class c
            where c.relnamespace = 'public'::regnamespace and c.relname = name and c.relkind in ('r', 'p'))
    loop
        raise exception 'table public.% is missing: create it, or on a plain PostgreSQL run sql/standalone.sql first',
            found.name;
    end loop;

    -- The table, or a view that stands in its place: since April 2026 the application's tables are called
    -- _legacy_message_logs and _legacy_whatsapp_messages.
    if exists (select from pg_class c where c.oid = v_logs and c.relkind <> 'r')
        or v_logs is null and exists (
            select from pg_class c where c.oid = to_regclass('public.message_logs') and c.relkind <> 'v')
    then
        raise exception 'public.message_logs is not an ordinary table: rename it, or make it one';
    end if;
    if v_logs is null and to_regclass('public.message_logs') is not null then
        raise exception 'public.message_logs is a view, and none of a table public._legacy_message_logs: '
            'drop view public.message_logs, and give the table it reads this name, alter table % rename to message_logs',
            coalesce((select d.refobjid::regclass::text
                from pg_rewrite r
                join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                    and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
                join pg_class c on c.oid = d.refobjid and c.relkind = 'r'
                where r.ev_class = to_regclass('public.message_logs') limit 1), 'its name');
    end if;
    if v_old is null and not pg_temp.of_meta(to_regclass('public.whatsapp_messages'))
        and to_regclass('public.whatsapp_messages') is not null
        and to_regclass('messaging.schema_migrations') is null
    then
        raise exception 'public.whatsapp_messages is neither the old table nor this project''s view: rename it first';
    end if;
    if v_old is not null and (select c.relkind <> 'r' from pg_class c where c.oid = v_old) then
        raise exception 'public.whatsapp_messages is neither the old table nor this project''s view: rename it first';
    end if;
    for found in
        select c.relname, c.oid::regclass as relation, w.behind, c.relowner::regrole as owner,
            pg_has_role(c.relowner, 'usage') as is_mine, pg_temp.is_plain(c.oid, w.behind) as is_plain,
            coalesce((
                select 'trigger ' || quote_ident(t.tgname) from pg_trigger t
                where t.tgrelid = c.oid and not t.tgisinternal limit 1), (
                select 'rule ' || quote_ident(r.rulename) from pg_rewrite r
                where r.ev_class = c.oid and r.rulename <> '_RETURN' limit 1)) as more
        from (values ('message_logs', v_logs), ('whatsapp_messages', v_old)) as w (name, behind)
        join pg_class c
            on c.relnamespace = 'public'::regnamespace and c.relname = w.name and c.relkind = 'v'
        where w.behind is not null
    loop
        if not found.is_mine then
            raise exception 'view public.% belongs to %: run the migration as that role or as a superuser',
                found.relname, found.owner;
        elsif not found.is_plain then
            raise exception 'view % is another one than select * from %, which it is to be: drop view %; create view % with (security_invoker = true) as select * from %',
                found.relation, found.behind, found.relation, found.relation, found.behind;
        elsif found.more is not null then
            raise exception 'view % has the %, and is a table again from now on: drop % on %, and give the table % what it did',
                found.relation, found.more, found.more, found.relation, found.behind;
        end if;
    end loop;
    if v_old is not null and to_regclass('messaging.whatsapp_messages_legacy') is not null then
        raise exception 'both % and messaging.whatsapp_messages_legacy are tables: '
            'run sql/drop-legacy.sql, or rename one of them, first', v_old;
    end if;

    -- Columns that must be there, and the types of those that may be.
    for found in
        with wanted (relation, columns, types, required) as (values
            ('profiles', '{id}', '{uuid}', true),
            ('maintenance_requests', '{id,created_by}', '{uuid}', true),
            ('user_roles', '{user_id}', '{uuid}', true),
            ('user_roles', '{role}', null, true),
            ('notifications', '{recipient_id}', '{uuid}', true),
            ('notifications', '{title,message,entity_type}', '{text,character varying}', true),
            ('notifications', '{type}', null, true),
            ('notifications', '{entity_id}', '{uuid,text,character varying}', true),
            ('notifications', '{message_log_id}', '{uuid}', false),
            ('message_logs', '{id}', '{uuid}', true),
            ('message_logs', '{recipient,message_type,status}', '{text,character varying}', true),
            ('message_logs', '{request_id,sender_id}', '{uuid}', false),
            ('message_logs', '{message_content,provider,external_id,error_message,error_code,media_url}',
                '{text,character varying}', false),
            ('message_logs', '{metadata}', '{jsonb}', false),
            ('message_logs', '{sent_at,delivered_at,read_at,failed_at,created_at,updated_at}',
                '{timestamp with time zone}', false),
            ('whatsapp_messages', '{id}', '{uuid}', true),
            ('whatsapp_messages', '{message_sid,recipient_phone,status}', '{text,character varying}', true),
            ('whatsapp_messages', '{sender_id,request_id}', '{uuid}', false),
            ('whatsapp_messages', '{message_body,message_content,media_url,error_message}',
                '{text,character varying}', false),
            ('whatsapp_messages', '{error_code}', '{text,character varying,integer,bigint}', false),
            ('whatsapp_messages', '{delivered_at,read_at,sent_at,failed_at,created_at,updated_at}',
                '{timestamp with time zone}', false)
        )
        select c.relname as relation, name, format_type(a.atttypid, null) as type, w.types,
            a.attname is null as missing
        from wanted w
        cross join unnest(w.columns::text[]) as name
        join pg_class c
            on c.oid = case w.relation when 'message_logs' then v_logs when 'whatsapp_messages' then v_old
                else to_regclass(format('public.%I', w.relation)) end
        left join pg_attribute a
            on a.attrelid = c.oid and a.attname = name and a.attnum > 0 and not a.attisdropped
        where case when a.attname is null then w.required
            else w.types is not null and format_type(a.atttypid, null) <> all (w.types::text[]) end
    loop
        if found.missing then
            raise exception 'column %.% is missing: add it, or rename the table if it is another one',
                found.relation, found.name;
        end if;
        raise exception 'column %.% is of type %, not %: change it with alter table public.% alter column % type %',
            found.relation, found.name, found.type, array_to_string(found.types::text[], ' or '),
            found.relation, found.name, (found.types::text[])[1];
    end loop;

    for found in
        select a.attname
        from pg_attribute a
        where a.attrelid = v_logs and a.attgenerated <> '' and not a.attisdropped
          and a.attname in ('id', 'request_id', 'recipient', 'message_type', 'message_content', 'provider', 'status',
              'external_id', 'metadata', 'error_message', 'sent_at', 'delivered_at', 'created_at', 'updated_at',
              'sender_id', 'media_url', 'error_code', 'read_at', 'failed_at')
    loop
        raise exception 'column message_logs.% is generated, but is to be written: alter table % alter column % drop expression',
            found.attname, v_logs, found.attname;
    end loop;
    for found in
        select i.inhparent::regclass as parent, i.inhrelid::regclass as child
        from pg_inherits i
        where i.inhparent in (v_logs, v_old)
    loop
        raise exception 'table % inherits from %: alter table % no inherit %, and put its rows into the latter first',
            found.child, found.parent, found.child, found.parent;
    end loop;

    -- Names that are taken by something else.
    for found in
        select c.relname, w.columns
        from (values
            ('message_logs_external_id_key', true, 'external_id', '(external_id IS NOT NULL)'),
            ('message_logs_sender_id_created_at_idx', false, 'sender_id, created_at', '(sender_id IS NOT NULL)'),
            ('message_logs_request_id_idx', false, 'request_id', '(request_id IS NOT NULL)'),
            ('message_logs_recipient_idx', false, 'recipient', null),
            ('message_logs_sent_at_idx', false, 'sent_at', null),
            ('message_logs_created_at_idx', false, 'created_at', null)
        ) as w (name, is_unique, columns, predicate)
        join pg_class c on c.relnamespace = 'public'::regnamespace and c.relname = w.name
        where not exists (
            select from pg_index i
            join pg_am m on m.oid = c.relam and m.amname = 'btree'
            where i.indexrelid = c.oid and i.indrelid = v_logs and i.indisvalid
              and i.indisunique = w.is_unique and i.indexprs is null and i.indnkeyatts = i.indnatts
              and (i.indpred is null or pg_get_expr(i.indpred, i.indrelid) = w.predicate)
              and w.columns = (
                  select string_agg(a.attname, ', ' order by k.place)
                  from unnest(i.indkey) with ordinality as k (attnum, place)
                  join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum))
    loop
        raise exception 'public.% is not a plain index on message_logs (%): rename it',
            found.relname, found.columns;
    end loop;
    if v_old is not null
        and not exists (
            select from pg_attribute
            where attrelid = v_old
              and attname in ('message_body', 'message_content') and not attisdropped)
    then
        raise exception 'table % has neither message_body nor message_content: '
            'add the column, or rename the table if it is another one', v_old;
    end if;

    -- What foreign keys point at.
    for found in
        select c.relname as name
        from unnest(array[to_regclass('public.profiles'), to_regclass('public.maintenance_requests'), v_logs, v_old])
            as relation
        join pg_class c on c.oid = relation
        where not exists (
            select from pg_index i
            join pg_attribute a on a.attrelid = c.oid and a.attname = 'id' and not a.attisdropped
            where i.indrelid = c.oid and i.indisunique and i.indpred is null and i.indexprs is null
              and i.indnkeyatts = 1 and i.indkey[0] = a.attnum)
    loop
        raise exception 'column %.id is not unique: alter table public.% add primary key (id)',
            found.name, found.name;
    end loop;

    -- Columns of others that every row would have to fill and that nobody tells us how to.
    for found in
        select c.relname, a.attname
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.oid in (v_logs, to_regclass('public.notifications'))
          and a.attnotnull and not a.atthasdef and a.attidentity = ''
          and (c.oid = v_logs and a.attname <> all ('{id,recipient,message_type,message_content,
                  provider,status,metadata,sent_at,created_at,updated_at}'::text[])
              or c.relname = 'notifications' and a.attname <> all ('{title,message,type,recipient_id,
                  entity_type,entity_id,message_log_id}'::text[]))
    loop
        raise exception 'column %.% is not null and has no default: alter table public.% alter column % drop not null',
            found.relname, found.attname, found.relname, found.attname;
    end loop;

    for found in
        select c.relname, c.relowner::regrole as owner
        from pg_class c
        where (c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                and c.relname in ('profiles', 'maintenance_requests', 'user_roles', 'notifications')
                or c.oid in (v_logs, v_old))
          and not pg_has_role(c.relowner, 'usage')
    loop
        raise exception 'table public.% belongs to %: run the migration as that role or as a superuser',
            found.relname, found.owner;
    end loop;
    -- Whoever owns it reads with his own rights when it is refreshed.
    for found in
        select c.oid::regclass as relation, c.relowner::regrole as owner, l.relowner::regrole as wanted
        from pg_rewrite r
        join pg_class c on c.oid = r.ev_class and c.relkind = 'm'
        join pg_roles o on o.oid = c.relowner
        join pg_class l on l.oid = v_logs
        where exists (
                select from pg_depend d
                where d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
                  and d.refclassid = 'pg_class'::regclass
                  and d.refobjid in (v_logs, to_regclass('public.message_logs')))
          and c.relowner <> l.relowner and not (o.rolsuper or o.rolbypassrls)
    loop
        raise exception 'materialized view % belongs to %, who may read no message from now on: alter materialized view % owner to %',
            found.relation, found.owner, found.relation, found.wanted;
    end loop;
    if not (select rolcreaterole or rolsuper from pg_roles where rolname = current_user)
        and (to_regrole('messaging_owner') is null or to_regrole('twilio_cgi') is null)
    then
        raise exception 'role % may not create roles: alter role % createrole, or run the migration as a superuser',
            quote_ident(current_user), quote_ident(current_user);
    end if;
    -- The functions go to messaging_owner, and whoever migrates must have that role's rights. A member may be
    -- one without them, and from PostgreSQL 16 on createrole alone gets nobody into a role that is there
    -- already, unless he may grant it.
    if current_setting('server_version_num')::integer < 160000 then
        if not (select rolinherit or rolsuper from pg_roles where rolname = current_user) then
            raise exception 'role % does not inherit the rights of messaging_owner, to whom the functions go: let a superuser run alter role % inherit',
                quote_ident(current_user), quote_ident(current_user);
        elsif to_regrole('messaging_owner') is not null
            and not pg_has_role('messaging_owner', 'member')
            and not (select rolcreaterole from pg_roles where rolname = current_user)
        then
            raise exception 'role % is no member of messaging_owner, to whom the functions go: let a superuser grant messaging_owner to %',
                quote_ident(current_user), quote_ident(current_user);
        end if;
    elsif to_regrole('messaging_owner') is not null
        and not (pg_has_role('messaging_owner', 'set') and pg_has_role('messaging_owner', 'usage'))
        and not pg_has_role('messaging_owner', 'usage with admin option')
    then
        raise exception 'role % is no member of messaging_owner, to whom the functions go, or one without its rights: let a superuser grant messaging_owner to % with inherit true, set true',
            quote_ident(current_user), quote_ident(current_user);
    end if;
    if not has_schema_privilege('public', 'create') then
        raise exception 'role % may not create tables and views in public: grant create on schema public to %',
            quote_ident(current_user), quote_ident(current_user);
    end if;
    if not has_database_privilege(current_database(), 'create') then
        raise exception 'role % may not create schemas here: grant create on database % to %',
            quote_ident(current_user), quote_ident(current_database()), quote_ident(current_user);
    end if;

    -- No reason to refuse: every call of ours is qualified. (PostgreSQL 14 and older gave it; a database that
    -- was upgraded keeps it.)
    if exists (
        select from pg_namespace n, aclexplode(n.nspacl) as x
        where n.nspname = 'public' and x.grantee = 0 and x.privilege_type = 'CREATE')
    then
        raise warning 'everybody may create in schema public, and slip the application''s functions one of his own: revoke create on schema public from public';
    end if;
end
$$;
