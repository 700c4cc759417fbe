-- Reserve: the row of a message is written before Twilio is called.
--
-- Under concurrency it promises:
-- * Of requests with one idempotency key exactly one reserves; the others wait for it to commit and
--   then see what it left.
-- * In no span of 60 seconds are more than p_limit rows of one sender reserved. Those who ask for the
--   same sender wait for each other before they look (the lock is taken by an earlier statement than
--   the one that counts, whose snapshot therefore has the others' rows), and the clock is read after
--   the wait. The sender's newest rows are read by the index on (sender_id, created_at), never
--   everybody's last minute.
-- * A refusal leaves nothing; a foreign key that fails is one (no_profile, unknown_request).
-- * Nothing is written later than v_patience after the beginning: who asked does not wait much longer,
--   and says that nothing was sent.
-- * Who loses the answer can take the reservation back by the id asked for, whenever it comes to be
--   written (withdraw_reservation, whose lock is taken here before the row is written, and whose mark is
--   looked for after it).
-- * Rows from the future, which a clock that was set back leaves behind, count as of now.
-- The order is key, then sender, so two of them cannot wait for each other in a circle.
-- * No wait for a lock takes longer than lock_timeout, here as in settle_message and record_status: the
--   programs give a statement up after 6 s, and say that nothing was done. p_patience (milliseconds)
--   makes it less: a program's connections are few, and others need them.
-- * p_refuse_dead: a number that is dead on the channel is refused before a place or a row is spent. One to
--   which an SMS may go instead is reserved, and dead_code says that it is not to be sent.
-- * p_template: free text goes as this template unless the person has written within 24 hours; sent_as
--   and metadata say which way. It is no part of what a key stands for.
drop function if exists messaging.reserve_message(
    text, text, uuid, integer, text, text, text, uuid, text, jsonb, uuid);
drop function if exists messaging.reserve_message(
    text, text, uuid, integer, text, text, text, uuid, text, jsonb, uuid, integer);
create or replace function messaging.reserve_message(
    p_caller text, p_key text, p_sender uuid, p_limit integer, p_type text, p_recipient text,
    p_content text, p_request uuid, p_media_url text, p_metadata jsonb, p_id uuid default null,
    p_patience integer default null, p_refuse_dead boolean default false, p_template text default null)
returns table (
    outcome text, id uuid, saved jsonb, twilio_status text, remaining integer, reset_seconds integer,
    dead_code text, reason_ar text, sent_as text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '5s' set enable_sort = off set enable_incremental_sort = off
as $$
declare
    v_window constant interval := '60 seconds';
    v_lease constant interval := '60 seconds';
    v_patience constant interval := '5 seconds';
    v_begun constant timestamptz := clock_timestamp();
    v_limited constant boolean := p_limit is not null and p_sender is not null;
    v_name constant uuid := messaging.key_name(p_caller, p_key);
    v_fingerprint bytea;
    v_key record;
    v_now timestamptz;
    v_taken bigint;
    v_oldest timestamptz;
    v_constraint text;
    v_metadata jsonb := coalesce(p_metadata, '{}');
    -- Here and not below: what is set so costs no statement of its own.
    v_set text := set_config('lock_timeout', coalesce(p_patience, 5000)::text, true);
    v_locked text := pg_advisory_xact_lock(messaging.reservation_lock(p_id));
begin
    id := coalesce(p_id, gen_random_uuid());
    outcome := 'reserved';

    if p_key is not null then
        v_fingerprint := messaging.fingerprint(
            p_type, p_recipient, p_content, p_request, p_media_url, p_metadata);
        loop
            insert into messaging.idempotency_keys as k (key, fingerprint, message_log_id, begun_at)
            values (v_name, v_fingerprint, reserve_message.id, clock_timestamp())
            on conflict on constraint idempotency_keys_pkey do nothing;
            exit when found;

            select k.fingerprint, k.message_log_id, k.begun_at, k.ended, k.twilio_status, k.answer,
                messaging.whole_answer(k) as answered, m.id as row_id, to_jsonb(coalesce(s, m)) as stored, f.due_at is not null as followed
            into v_key
            from messaging.idempotency_keys k
            left join public.message_logs m on m.id = k.message_log_id
            left join public.message_logs s on s.id = messaging.pair_id(m.metadata ->> 'fallback')
            left join messaging.follow_ups f on f.message_log_id = m.id
            where k.key = v_name;
            -- Released between the two statements, left behind by a row that is gone, or too old: free again.
            continue when not found;
            if v_key.row_id is null or v_key.begun_at < clock_timestamp() - interval '30 days' then
                delete from messaging.idempotency_keys k
                where k.key = v_name and k.message_log_id = v_key.message_log_id;
                continue;
            end if;

            id := v_key.message_log_id;
            if v_key.fingerprint <> v_fingerprint then
                outcome := 'mismatch';
            elsif v_key.answer ->> 'external_id' is null and v_key.followed then
                -- It was refused, and what goes out instead has not gone out yet.
                outcome := 'in_progress';
            elsif v_key.answer is not null then
                outcome := 'replay';
                saved := coalesce(v_key.answered, v_key.stored);
                twilio_status := v_key.twilio_status;
            elsif not v_key.ended
                and v_key.begun_at between clock_timestamp() - v_lease and clock_timestamp() + v_lease
            then
                outcome := 'in_progress';
            elsif v_key.stored ->> 'external_id' is not null then
                -- A callback has told what the first request could not.
                outcome := 'replay';
                saved := v_key.stored;
                twilio_status := v_key.stored ->> 'status';
            else
                outcome := 'unknown';
            end if;
            exit;
        end loop;
    end if;

    if outcome = 'reserved' and (p_refuse_dead or v_metadata ? 'fallback_type') then
        dead_code := messaging.dead_code(p_recipient, p_type);
        if dead_code is not null and v_metadata ? 'fallback_type'
            and (select t.other_channel from messaging.twilio_errors t where t.code = reserve_message.dead_code)
            and messaging.dead_code(p_recipient, 'sms') is null
        then
            null;
        elsif dead_code is not null and p_refuse_dead then
            outcome := 'dead_number';
            reason_ar := messaging.error_meaning_ar(dead_code);
        else
            dead_code := null;
        end if;
    end if;

    if v_limited then
        if outcome = 'reserved' then
            perform pg_advisory_xact_lock(hashtextextended(p_sender::text, 5202611160800));
        end if;
        v_now := clock_timestamp();
        select count(*), min(least(newest.created_at, v_now)) into v_taken, v_oldest
        from (
            select m.created_at
            from messaging.outbound_messages m
            -- Not sender_id = p_sender, which would let an index on created_at alone give the order:
            -- as it stands only the one on (sender_id, created_at) does, and it is read from the
            -- sender's newest row to the window's end. Sorting being off, nothing else is considered.
            where (m.sender_id, m.created_at) >= (p_sender, v_now - v_window)
              and m.sender_id <= p_sender
              and not coalesce(m.metadata, '{}') ? 'fallback_of'
            order by m.sender_id desc, m.created_at desc
            limit p_limit
        ) as newest;
        if outcome = 'reserved' and v_taken >= p_limit then
            outcome := 'limited';
        end if;
    else
        v_now := clock_timestamp();
    end if;

    if outcome = 'reserved' and p_template is not null then
        sent_as := case when messaging.window_is_open(p_recipient) then 'text' else 'template' end;
        v_metadata := v_metadata || jsonb_build_object('sent_as', sent_as)
            || case when sent_as = 'template' then jsonb_build_object('template_id', p_template) else '{}' end;
    end if;
    if outcome = 'reserved' then
        begin
            insert into public.message_logs as m
                (id, sender_id, request_id, recipient, message_type, message_content, provider, status,
                 media_url, metadata, sent_at, created_at, updated_at)
            values
                (reserve_message.id, p_sender, p_request, p_recipient, p_type, coalesce(p_content, ''), 'twilio',
                 'pending', p_media_url, v_metadata, v_now, v_now, v_now)
            returning to_jsonb(m) into saved;
            v_taken := v_taken + 1;
        exception when foreign_key_violation then
            get stacked diagnostics v_constraint = constraint_name;
            outcome := case v_constraint
                when 'message_logs_sender_id_fkey' then 'no_profile'
                when 'message_logs_request_id_fkey' then 'unknown_request' end;
            if outcome is null then
                raise;
            end if;
        end;
    end if;
    if outcome = 'reserved' and exists (select from messaging.withdrawn_reservations w where w.id = p_id) then
        raise exception using errcode = 'object_not_in_prerequisite_state', message = 'was withdrawn';
    end if;
    if outcome = 'reserved' and clock_timestamp() > v_begun + v_patience then
        raise exception using errcode = 'lock_not_available', message = 'waited too long for others';
    end if;
    if outcome in ('limited', 'no_profile', 'unknown_request', 'dead_number') then
        if p_key is not null then
            delete from messaging.idempotency_keys k where k.key = v_name;
        end if;
        id := null;
    end if;
    if v_limited then
        remaining := greatest(p_limit - v_taken, 0);
        reset_seconds := case when remaining > 0 then 0
            else greatest(ceil(extract(epoch from coalesce(v_oldest, v_now) + v_window - v_now)), 1) end;
    end if;
    return next;
end
$$;
comment on function messaging.reserve_message(text, text, uuid, integer, text, text, text, uuid, text, jsonb, uuid, integer, boolean, text) is
    'Reserves a message: idempotency key, rate limit, row. Outcomes: reserved, replay, in_progress, '
    'mismatch, unknown, limited, no_profile, unknown_request, dead_number. p_metadata is part of what a key stands for.';
