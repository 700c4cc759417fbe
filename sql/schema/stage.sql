-- A message's tag is its notification_stage too, where the application has that column: its pages ask by it.
-- Where it has not there is no such trigger, and nobody pays for one; nor where a check of the application's
-- own has a say in what a stage may be.
create or replace function messaging.mark_stage() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    new.notification_stage := new.metadata ->> 'tag';
    return new;
end
$$;
comment on function messaging.mark_stage() is 'Trigger of message_logs: notification_stage is the tag.';

do $$
begin
    if exists (
        select from pg_attribute a
        where a.attrelid = 'public.message_logs'::regclass and a.attname = 'notification_stage'
          and not a.attisdropped and a.attgenerated = ''
          and (a.atttypid = 'text'::regtype
              or a.atttypid = 'character varying'::regtype and (a.atttypmod < 0 or a.atttypmod - 4 >= 40))
          and not exists (
              select from pg_constraint c
              where c.conrelid = a.attrelid and c.contype in ('c', 'f') and a.attnum = any (c.conkey)))
    then
        call pg_temp.keep($trigger$create trigger messaging_stage before insert on public.message_logs
            for each row
            when (new.notification_stage is null and new.metadata ? 'tag')
            execute function messaging.mark_stage()$trigger$);
    end if;
end
$$;
