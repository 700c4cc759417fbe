-- Follow-ups: what is due after a failure, and that it is done once. A WhatsApp message that asked for it
-- (metadata.fallback_type) goes out as an SMS, a row of its own; a message of which only a rate was
-- exceeded goes out again, by the same row. Which code is of which kind stands in twilio_errors.
--
-- Under concurrency it promises:
-- * Whoever wants to send takes the first message's lock, looks at its status and at what is due under that
--   lock, and writes in the same transaction both that it is sent and the row it is sent by. So there is
--   one SMS, and one further try at a time, however many ask; and none of what has arrived.
-- * What was taken and never settled stays taken: it may have been sent. Only a settlement that says that
--   nothing was sent for certain (p_release) makes it due again.
-- * The message's lock comes before that of its line here, as for a callback. A message that somebody else
--   holds is passed over: the next run finds it.
create table if not exists messaging.follow_ups (
    message_log_id uuid primary key references public.message_logs (id) on delete cascade,
    step text not null check (step in ('try', 'sms', 'again')),
    due_at timestamptz,
    ends_at timestamptz not null,
    tries integer not null default 0,
    claim uuid unique,
    by_request boolean not null default false
);
call pg_temp.keep($$create index follow_ups_due_at_idx on messaging.follow_ups (due_at) where due_at is not null$$);
comment on table messaging.follow_ups is
    'Messages that failed in a way that something follows from, and the SMS that followed.';
comment on column messaging.follow_ups.step is
    'What is next, or was last: another try, an SMS instead, or again what did certainly not go out.';
comment on column messaging.follow_ups.due_at is 'When; null: nothing is to be done.';
comment on column messaging.follow_ups.ends_at is 'Nothing is begun after it: validity, else an hour.';
comment on column messaging.follow_ups.tries is 'Further tries so far.';
comment on column messaging.follow_ups.claim is 'Who took it last: whoever lost the answer asks with it again.';
comment on column messaging.follow_ups.by_request is
    'An SMS that is sent in the request: whoever asked is told how it went, and may ask again.';

-- The row's lock is the caller's. True where something will follow, so that nobody is to be told yet.
-- p_lease: who has just sent it is at it himself, and is given this time.
create or replace function messaging.plan_follow_up(p_id uuid, p_lease interval) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    -- Before the first further try, and before the second.
    v_distances constant interval[] := '{30 seconds, 2 minutes}';
    v_row record;
    v_step text;
    v_due_at timestamptz;
begin
    select m.external_id, m.message_type, m.recipient, messaging.metadata_object(m.metadata) as metadata,
        coalesce(f.tries, 0) as tries, t.other_channel, t.try_again,
        coalesce(f.ends_at, m.created_at + make_interval(secs => coalesce(
            case when m.metadata ->> 'validity' ~ '^\d{1,6}$' then (m.metadata ->> 'validity')::integer end, 3600)))
            as ends_at
    into v_row
    from messaging.outbound_messages m
    join messaging.twilio_errors t on t.code = m.error_code
    left join messaging.follow_ups f on f.message_log_id = m.id
    -- To somebody who was forgotten nothing more goes.
    where m.id = p_id and m.recipient <> '';
    if not found then
        return false;
    end if;

    if v_row.try_again and v_row.external_id is not null and v_row.tries < array_length(v_distances, 1) then
        v_step := 'try';
        v_due_at := v_now + v_distances[v_row.tries + 1];
    end if;
    if (v_step is null or v_due_at >= v_row.ends_at) then
        v_step := null;
        if v_row.other_channel and v_row.message_type = 'whatsapp' and v_row.metadata ->> 'fallback_type' = 'sms'
            and not v_row.metadata ? 'fallback' and messaging.dead_code(v_row.recipient, 'sms') is null
        then
            v_step := 'sms';
            v_due_at := v_now + p_lease;
        end if;
    end if;
    if v_step is null or v_now >= v_row.ends_at then
        return false;
    end if;
    insert into messaging.follow_ups as f (message_log_id, step, due_at, ends_at)
    values (p_id, v_step, v_due_at, v_row.ends_at)
    on conflict (message_log_id) do update set step = excluded.step, due_at = excluded.due_at;
    return true;
end
$$;
comment on function messaging.plan_follow_up(uuid, interval) is
    'Writes down what follows from a message''s failure; false where nothing does.';

-- A message that certainly did not go out after all is due again, while there is time.
create or replace function messaging.postpone_follow_up(p_id uuid) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    update messaging.follow_ups f set step = 'again', due_at = clock_timestamp() + interval '1 minute', claim = null
    where f.message_log_id = p_id and not f.by_request and f.ends_at > clock_timestamp() + interval '1 minute';
    return found;
end
$$;
comment on function messaging.postpone_follow_up(uuid) is
    'Makes due again what certainly did not go out; false where it is too late, or no follow-up''s.';

-- The other of a pair, as metadata has it, which others may write.
create or replace function messaging.pair_id(p_text text) returns uuid
language plpgsql stable strict set search_path = pg_catalog, pg_temp
as $$
begin
    return case when p_text ~ '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' then p_text::uuid end;
end
$$;
comment on function messaging.pair_id(text) is 'The id in metadata.fallback or fallback_of; null where it is none.';

create or replace function messaging.first_arrived(p_id uuid) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select from public.message_logs f
        where f.id = (select messaging.pair_id(m.metadata ->> 'fallback_of') from public.message_logs m where m.id = p_id)
          and f.status in ('delivered', 'read'));
end
$$;
comment on function messaging.first_arrived(uuid) is
    'Whether a message is the SMS of one that has arrived after all.';

-- The failure of the last of a pair or chain is told; of a pair of which the first has arrived, none.
create or replace function messaging.tell_failure(p_id uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select from public.message_logs m
        where m.id = p_id and messaging.pair_id(m.metadata ->> 'fallback') is not null)
        and not messaging.first_arrived(p_id)
    then
        perform messaging.notify_failure(p_id);
    end if;
end
$$;
comment on function messaging.tell_failure(uuid) is 'Makes the notification of a message, or of its pair.';

-- The SMS of a message, with what is left of its time. The caller holds the first one's lock. A key
-- whose request was refused stands for the SMS from now on; one that was answered keeps its answer.
create or replace function messaging.make_fallback(p_first uuid, p_id uuid, p_by_request boolean)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_now constant timestamptz := clock_timestamp();
    v_first public.message_logs;
    v_metadata jsonb;
    v_ends_at timestamptz;
begin
    select m.* into v_first from public.message_logs m where m.id = p_first;
    v_metadata := messaging.metadata_object(v_first.metadata);
    update messaging.follow_ups f set due_at = null, claim = p_id
    where f.message_log_id = p_first
    returning f.ends_at into v_ends_at;
    insert into public.message_logs
        (id, sender_id, request_id, recipient, message_type, message_content, provider, status, metadata,
         sent_at, created_at, updated_at)
    values
        (p_id, v_first.sender_id, v_first.request_id, messaging.bare_recipient(v_first.recipient), 'sms',
         v_first.message_content, 'twilio', 'pending',
         jsonb_strip_nulls(jsonb_build_object('fallback_of', p_first, 'tag', v_metadata -> 'tag',
            'account_sid', v_metadata -> 'account_sid',
            'validity', case when v_metadata ? 'validity'
                then greatest(floor(extract(epoch from v_ends_at - v_now)), 1)::integer end)),
         v_now, v_now, v_now);
    insert into messaging.follow_ups (message_log_id, step, ends_at, claim, by_request)
    values (p_id, 'sms', v_ends_at, null, p_by_request);
    update public.message_logs m
    set metadata = v_metadata || jsonb_build_object('fallback', p_id), updated_at = v_now
    where m.id = p_first;
    update messaging.idempotency_keys k set answer = null, answered_at = null, twilio_status = null, ended = not p_by_request, begun_at = v_now
    where k.message_log_id = p_first and (p_by_request or k.answer ->> 'external_id' is null);
end
$$;
comment on function messaging.make_fallback(uuid, uuid, boolean) is 'Writes the SMS of a message, and links the two.';

-- The SMS of a message that Twilio has just refused, in the same request. The limit is not asked: it was.
-- Safe to run again with the same p_id.
create or replace function messaging.reserve_fallback(p_first uuid, p_id uuid, p_patience integer default null)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    v_row public.message_logs;
    v_saved jsonb;
    v_set text := set_config('lock_timeout', coalesce(p_patience, 5000)::text, true);
begin
    select m.* into v_row from public.message_logs m where m.id = p_first for no key update;
    if v_row.status in ('failed', 'undelivered') and not v_row.metadata ? 'fallback' and exists (
        select from messaging.follow_ups f
        where f.message_log_id = p_first and f.step = 'sms' and f.due_at is not null and f.ends_at > clock_timestamp())
    then
        perform messaging.make_fallback(p_first, p_id, true);
    end if;
    select to_jsonb(m) into v_saved
    from public.message_logs m
    where m.id = p_id and m.metadata ->> 'fallback_of' = p_first::text;
    return v_saved;
end
$$;
comment on function messaging.reserve_fallback(uuid, uuid, integer) is
    'Reserves the SMS of a message that was refused, and returns its row; null where none is due.';

-- A try that failed goes into the row's chain, and the row begins anew, without a SID. Its event stays
-- with the row, so that a callback that comes late is known.
create or replace function messaging.begin_try(p_id uuid) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_now constant timestamptz := clock_timestamp();
begin
    insert into messaging.message_status_events (message_log_id, external_id, status, error_code, received_at)
    select m.id, m.external_id, m.status, m.error_code, coalesce(m.failed_at, v_now)
    from public.message_logs m
    where m.id = p_id and m.external_id is not null
    on conflict do nothing;
    update messaging.idempotency_keys k set answer = messaging.whole_answer(k)
    where k.message_log_id = p_id and k.answer is not null;
    update public.message_logs m
    set status = 'pending', external_id = null, error_code = null, error_message = null, failed_at = null,
        sent_at = v_now, updated_at = v_now,
        metadata = case when m.external_id is null then messaging.metadata_object(m.metadata)
            else jsonb_set(messaging.metadata_object(m.metadata), '{attempts}',
                coalesce(nullif(m.metadata -> 'attempts', 'null'), '[]') || jsonb_build_object(
                    'sid', m.external_id, 'status', m.status, 'error_code', m.error_code,
                    'sent_at', m.sent_at, 'failed_at', m.failed_at)) end
            - '{error_status,error_message_status}'::text[]
    where m.id = p_id;
end
$$;
comment on function messaging.begin_try(uuid) is 'Puts a row back to its beginning, and its SID into its chain.';

-- The next that is due, taken: the row to be sent now, or null. p_claim is the SMS's id, and whoever lost
-- the answer gets it again. What is not wanted any more ends here, and is told where it failed. Where
-- nothing is due it is one look into the index on due_at.
create or replace function messaging.claim_follow_up(p_claim uuid)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    v_id uuid;
    v_due record;
    v_status text;
    v_saved jsonb;
begin
    select f.message_log_id, f.step into v_due from messaging.follow_ups f where f.claim = p_claim;
    if found then
        v_id := case when v_due.step = 'sms' then p_claim else v_due.message_log_id end;
    end if;
    while v_id is null loop
        select m.id into v_id
        from messaging.follow_ups f
        join public.message_logs m on m.id = f.message_log_id
        where f.due_at <= statement_timestamp()
        order by f.due_at
        limit 1
        for no key update of m skip locked;
        exit when not found;
        -- Another run may have done it between the look and the lock.
        select f.step, f.ends_at into v_due
        from messaging.follow_ups f
        where f.message_log_id = v_id and f.due_at <= statement_timestamp();
        if not found then
            v_id := null;
            continue;
        end if;
        select m.status into v_status from public.message_logs m where m.id = v_id;
        if v_status not in ('failed', 'undelivered') or v_due.ends_at <= clock_timestamp()
            or messaging.first_arrived(v_id)
            or v_due.step = 'sms' and exists (
                select from public.message_logs m
                where m.id = v_id and (m.metadata ? 'fallback' or messaging.dead_code(m.recipient, 'sms') is not null))
        then
            update messaging.follow_ups f set due_at = null where f.message_log_id = v_id;
            if v_status in ('failed', 'undelivered') then
                perform messaging.tell_failure(v_id);
            end if;
            v_id := null;
        elsif v_due.step = 'sms' then
            perform messaging.make_fallback(v_id, p_claim, false);
            v_id := p_claim;
        else
            update messaging.follow_ups f
            set due_at = null, claim = p_claim, tries = f.tries + (f.step = 'try')::integer, by_request = false
            where f.message_log_id = v_id;
            perform messaging.begin_try(v_id);
        end if;
    end loop;
    select to_jsonb(m) || jsonb_build_object(
            'seconds_left', greatest(floor(extract(epoch from f.ends_at - clock_timestamp())), 1)::integer,
            'window_open', messaging.window_is_open(m.recipient))
    into v_saved
    from public.message_logs m
    join messaging.follow_ups f on f.message_log_id = m.id
    where m.id = v_id;
    return v_saved;
end
$$;
comment on function messaging.claim_follow_up(uuid) is
    'Takes the next follow-up that is due and returns the row to be sent, with seconds_left and '
    'window_open; null where nothing is due.';
