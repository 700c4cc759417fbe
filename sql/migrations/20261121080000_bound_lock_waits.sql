-- The programs give a statement up after 6 s and say that nothing was done. A statement that waits for
-- a lock does not notice: it would write its row when the lock is free, long after the caller was told
-- that nothing was sent, and its connection would stay taken until then. So each wait ends here first;
-- that several together do not take longer, reserve_message sees to itself.
do $$
declare
    name regprocedure;
begin
    foreach name in array array[
        'messaging.reserve_message(text, text, uuid, integer, text, text, text, uuid, text, jsonb, uuid)',
        'messaging.settle_message(uuid, text, text, text, text, jsonb, boolean, timestamptz)',
        'messaging.record_status(uuid, text, text, text, text, jsonb, timestamptz)']::regprocedure[]
    loop
        execute format('alter function %s set lock_timeout = ''5s''', name);
    end loop;
end
$$;

insert into messaging.schema_migrations (version) values ('20261121080000') on conflict do nothing;
