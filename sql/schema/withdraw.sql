-- Withdraw and restore: a reservation whose answer was lost, and one that was lost itself.

create table if not exists messaging.withdrawn_reservations (
    id uuid primary key,
    withdrawn_at timestamptz not null default clock_timestamp()
);
comment on table messaging.withdrawn_reservations is
    'Marks of reservations that were taken back, in case they are written after that; kept for a day.';

-- The lock that a reservation holds until it is written or not.
create or replace function messaging.reservation_lock(p_id uuid) returns bigint
language plpgsql immutable strict set search_path = pg_catalog, pg_temp
as $$
begin
    return hashtextextended(p_id::text, 5202611290800);
end
$$;
comment on function messaging.reservation_lock(uuid) is 'The advisory lock of a reservation.';

-- Withdraw: the answer of reserve_message was lost, nothing was sent. Safe to run again.
--
-- Under concurrency it promises that once it has returned there is neither row nor key of that
-- reservation, nor will there be: it waits for one that is being written (at most lock_timeout, and fails
-- then), and the mark stops one that has not begun. A row of which more is known is left alone.
create or replace function messaging.withdraw_reservation(p_id uuid, p_patience integer default null)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    v_set text := set_config('lock_timeout', coalesce(p_patience, 5000)::text, true);
    v_locked text := pg_advisory_xact_lock(messaging.reservation_lock(p_id));
begin
    insert into messaging.withdrawn_reservations as w (id) values (p_id) on conflict do nothing;
    delete from messaging.withdrawn_reservations w where w.withdrawn_at < clock_timestamp() - interval '1 day';
    -- Its key goes with it.
    delete from public.message_logs m
    where m.id = p_id and m.status = 'pending' and m.external_id is null;
    return found;
end
$$;
comment on function messaging.withdraw_reservation(uuid, integer) is
    'Takes a reservation back of which nothing was sent, now or when it comes to be written. True where '
    'there was one.';

-- Restore: a row that was reserved and is not there any more, because the database fell back to a
-- standby that had not got it. It is written again as it was reserved, with its key; where the sender or
-- the request was lost as well, metadata tells. p_order: caller, key, sender, type, recipient, content,
-- request, media_url, metadata, at. False where the reservation was withdrawn,
-- or its message is gone by now. Safe to run again.
create or replace function messaging.restore_reservation(
    p_id uuid, p_order jsonb, p_patience integer default null)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    v_order record;
    v_lost jsonb;
    v_set text := set_config('lock_timeout', coalesce(p_patience, 5000)::text, true);
    v_locked text := pg_advisory_xact_lock(messaging.reservation_lock(p_id));
begin
    if exists (select from messaging.withdrawn_reservations w where w.id = p_id)
        or messaging.is_forgotten(p_id::text)
    then
        return false;
    end if;
    select o.*, least(o.at, clock_timestamp()) as begun into v_order
    from jsonb_to_record(p_order) as o(
        caller text, key text, sender uuid, type text, recipient text, content text, request uuid,
        media_url text, metadata jsonb, at timestamptz);

    for attempt in 1..2 loop
        begin
            insert into public.message_logs as m
                (id, sender_id, request_id, recipient, message_type, message_content, provider, status,
                 media_url, metadata, sent_at, created_at, updated_at)
            values
                (p_id, case when v_lost is null then v_order.sender end,
                 case when v_lost is null then v_order.request end, v_order.recipient, v_order.type,
                 coalesce(v_order.content, ''), 'twilio', 'pending', v_order.media_url,
                 coalesce(v_order.metadata, '{}') || coalesce(v_lost, '{}'), v_order.begun, v_order.begun,
                 clock_timestamp())
            on conflict (id) do nothing;
            if found then
                perform messaging.note_late_text(p_id, v_order.begun);
            end if;
            exit;
        exception when foreign_key_violation then
            if v_lost is not null then
                raise;
            end if;
            v_lost := jsonb_strip_nulls(jsonb_build_object(
                'sender_id', v_order.sender, 'request_id', v_order.request));
        end;
    end loop;
    -- It may have gone while this waited for its row.
    if messaging.is_forgotten(p_id::text) then
        delete from public.message_logs m where m.id = p_id;
        return false;
    end if;
    if v_order.key is not null then
        -- Somebody may have taken the key since: then it is his.
        insert into messaging.idempotency_keys as k (key, fingerprint, message_log_id, begun_at)
        values (messaging.key_name(v_order.caller, v_order.key),
            messaging.fingerprint(v_order.type, v_order.recipient, v_order.content, v_order.request,
                v_order.media_url, v_order.metadata),
            p_id, v_order.begun)
        on conflict do nothing;
    end if;
    return true;
end
$$;
comment on function messaging.restore_reservation(uuid, jsonb, integer) is
    'Writes a lost row and its idempotency key again, as they were reserved.';
