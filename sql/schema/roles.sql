-- The two roles. They are the cluster's, not the database's: no dump of a database has them, see roles.sql of
-- the folder above.
--
--   messaging_owner  owns the schema's functions and tables; cannot log in, is no superuser and obeys
--                    row-level security, so whatever the functions may do stands in grants and policies
--   twilio_cgi       what the programs log in as; may call the functions and nothing else; has no
--                    password until the operator gives one

call pg_temp.make_role('messaging_owner', 'nologin');
call pg_temp.make_role('twilio_cgi', 'login');

do $$
declare
    v_from_16 constant boolean := current_setting('server_version_num')::integer >= 160000;
    v_missing text;
begin
    -- Who is no superuser may give objects to the roles he is a member of; from PostgreSQL 16 on a
    -- role's maker is a member in name only, until he grants himself the rest.
    begin
        if not v_from_16 then
            if not pg_has_role('messaging_owner', 'member') then
                execute format('grant messaging_owner to %I', current_user);
            end if;
        elsif not (pg_has_role('messaging_owner', 'set') and pg_has_role('messaging_owner', 'usage')) then
            execute format('grant messaging_owner to %I with inherit true, set true', current_user);
        end if;
    exception when unique_violation then
        null;
    end;

    v_missing := concat_ws('; ',
        case when not (select rolcreaterole or rolsuper from pg_roles where rolname = current_user)
            then format('alter role %I createrole', current_user) end,
        case when v_from_16 and not pg_has_role('twilio_cgi', 'usage with admin option')
            then format('grant twilio_cgi to %I with admin option', current_user) end);
    if v_missing <> '' then
        raise warning 'role % may not give twilio_cgi a password: let a superuser do so, or run %',
            quote_ident(current_user), v_missing;
    end if;
end
$$;
