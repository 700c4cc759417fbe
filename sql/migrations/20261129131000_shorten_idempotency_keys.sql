-- idempotency_keys had caller and key in full, in its index too, and the whole of each fingerprint. Those of
-- more than 30 days, which nobody took away yet, count no more, and are most of them.
do $$
begin
    if not exists (
        select from pg_attribute a
        where a.attrelid = 'messaging.idempotency_keys'::regclass and a.attname = 'caller' and not a.attisdropped)
    then
        return;
    end if;
    lock table messaging.idempotency_keys in access exclusive mode;
    delete from messaging.idempotency_keys k where k.begun_at < now() - interval '30 days';
    alter table messaging.idempotency_keys
        drop constraint idempotency_keys_pkey,
        alter column caller drop not null,
        alter column caller type text using null,
        alter column key type uuid using messaging.key_name(caller, key),
        alter column fingerprint type bytea using substr(fingerprint, 1, 16);
    alter table messaging.idempotency_keys
        drop column caller,
        add constraint idempotency_keys_pkey primary key (key);
end
$$;
