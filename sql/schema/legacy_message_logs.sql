-- public._legacy_message_logs, where the application called the table so: a view with the reader's own
-- rights, and no wider ones than he has to message_logs, until sql/drop-legacy.sql. It can be written to
-- like the table. It has all of the table's columns, so that a row of the one is a row of the other to a
-- function that returns them.
do $$
declare
    v_view constant regclass := to_regclass('public._legacy_message_logs');
    v_columns text;
    v_missing text;
begin
    if not pg_temp.reads(v_view, 'public.message_logs') then
        return;
    end if;
    select string_agg(quote_ident(v.attname), ', ' order by v.attnum) into v_columns
    from pg_attribute v
    where v.attrelid = v_view and v.attnum > 0;
    select string_agg(quote_ident(t.attname), ', ' order by t.attnum) into v_missing
    from pg_attribute t
    where t.attrelid = 'public.message_logs'::regclass and t.attnum > 0 and not t.attisdropped
      and not exists (select from pg_attribute v where v.attrelid = v_view and v.attname = t.attname);
    if v_missing is not null then
        execute format('create or replace view %s with (security_invoker = true) as select %s, %s from public.message_logs',
            v_view, v_columns, v_missing);
        comment on view public._legacy_message_logs is
            'message_logs under the name that it had for a while. sql/drop-legacy.sql drops it.';
    end if;
end
$$;
