-- Settle: what became of a reserved message at Twilio. Safe to run again (a spooled one may be).
--
-- Under concurrency it promises:
-- * The SID's lock is taken first, as by record_status where no free row has the SID: an event that comes at the same moment is
--   either here already and is joined in, or finds the SID. None is lost, whoever is first.
-- * Then the row's lock: two of one row wait for each other, and the status is joined, not assigned,
--   so a callback that was faster keeps its place.
-- The key of a message for which an SMS went out has the SMS's answer, unless it has one already.

-- p_rows: whose keys; p_saved: the row as it is answered.
create or replace function messaging.answer_keys(p_rows uuid[], p_saved jsonb, p_status text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    update messaging.idempotency_keys k
    set ended = true, answer = messaging.slim_answer(p_saved, k.message_log_id, p_status),
        answered_at = (p_saved ->> 'updated_at')::timestamptz, twilio_status = p_status
    where k.message_log_id = any (p_rows) and k.answer is null;
end
$$;
comment on function messaging.answer_keys(uuid[], jsonb, text) is
    'The first request of a key has its answer: Twilio''s word, and the row.';

drop function if exists messaging.settle_message(uuid, text, text, text, text, jsonb, boolean, timestamptz);
create or replace function messaging.settle_message(
    p_id uuid, p_sid text, p_status text, p_error_code text, p_error_message text, p_details jsonb,
    p_release boolean, p_at timestamptz, p_patience integer default null)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    v_at constant timestamptz := coalesce(p_at, clock_timestamp());
    v_row record;
    v_sid text := nullif(p_sid, '');
    v_details jsonb := coalesce(p_details, '{}');
    v_saved jsonb;
    v_followed boolean;
    v_keys uuid[];
    v_set text := set_config('lock_timeout', coalesce(p_patience, 5000)::text, true);
begin
    if v_sid is not null then
        perform messaging.sid_lock(v_sid);
    end if;
    -- Events of the SID are looked for under its lock, a key of the row is as old as the row: what this
    -- statement sees of them holds, also where it waits for the row.
    select m.external_id,
        case when jsonb_typeof(m.metadata) = 'object' then m.metadata
            else messaging.metadata_object(m.metadata) end as metadata,
        array_position(o.words, p_status) > coalesce(array_position(o.words, m.status), 0) as is_less,
        exists (select from public.message_logs d where d.external_id = v_sid and d.id <> p_id)
            or exists (select from messaging.message_status_events e
                where e.external_id = v_sid and e.message_log_id is null) as is_told,
        exists (select from messaging.idempotency_keys k where k.message_log_id = p_id) as has_key
    into v_row
    from public.message_logs m
    cross join messaging.status_order o
    where m.id = p_id
    for no key update of m;
    if not found then
        return null;
    end if;

    -- What nearly all settlements come to, without the calls that could find nothing: Twilio has taken the
    -- message, and nobody has told of it yet.
    if v_sid is not null and v_row.external_id is null and v_row.is_less and not v_row.is_told and not p_release
        and p_status in ('accepted', 'scheduled', 'queued', 'sending', 'sent')
        and coalesce(p_error_code, '') = '' and coalesce(p_error_message, '') = ''
        and not v_row.metadata ?| '{attempts,fallback_of}' and not v_details ? 'sent_as'
    then
        update public.message_logs m
        set external_id = v_sid, status = p_status, metadata = v_row.metadata || v_details,
            updated_at = clock_timestamp()
        where m.id = p_id
        returning to_jsonb(m) into v_saved;
        if v_row.has_key then
            perform messaging.answer_keys(array[p_id], v_saved, p_status);
        end if;
        return v_saved;
    end if;

    -- A try that was given up, told of late: the row is the next one's.
    if v_sid is not null and v_row.metadata @> jsonb_build_object(
        'attempts', jsonb_build_array(jsonb_build_object('sid', v_sid)))
    then
        select to_jsonb(m) into v_saved from public.message_logs m where m.id = p_id;
        return v_saved;
    end if;

    -- A further try may go by another way than the one before it: sent_as is the last one's.
    if v_details ->> 'sent_as' = 'text' then
        v_row.metadata := v_row.metadata - 'template_id';
    end if;

    -- One SID, one message; a second one is kept where it harms nobody.
    if v_sid <> v_row.external_id
        or exists (select from public.message_logs m where m.external_id = v_sid and m.id <> p_id)
    then
        v_details := v_details || jsonb_build_object('duplicate_external_id', v_sid);
        v_sid := null;
    end if;
    if v_sid is not null and v_row.external_id is null or not v_row.metadata @> v_details then
        update public.message_logs m
        set external_id = coalesce(m.external_id, v_sid),
            metadata = v_row.metadata || v_details,
            updated_at = clock_timestamp()
        where m.id = p_id;
    end if;

    -- Callbacks first: one that came before this, and failed, is announced.
    if v_sid is not null then
        perform messaging.adopt_events(p_id, v_sid);
    end if;
    -- Who says that nothing was sent is wrong where a callback has proved the contrary. What Twilio has
    -- created and failed at once is announced; what it has refused the caller is told, and has no SID.
    if not (p_release and v_row.external_id is not null) then
        perform messaging.join_status(
            p_id, p_status, p_error_code, p_error_message, v_at, coalesce(p_sid <> '', false));
    end if;

    -- A follow-up has nobody to whom its refusal is an answer.
    v_followed := exists (
        select from messaging.follow_ups f where f.message_log_id = p_id and not f.by_request and f.due_at is null);
    if v_followed and v_sid is null and p_status = 'failed' and exists (
        select from public.message_logs m
        where m.id = p_id and m.status in ('failed', 'undelivered') and m.external_id is null)
    then
        if not coalesce(p_release, false) or not messaging.postpone_follow_up(p_id) then
            perform messaging.tell_failure(p_id);
        end if;
    end if;

    select to_jsonb(m) into v_saved from public.message_logs m where m.id = p_id;
    v_keys := array[p_id, messaging.pair_id(v_row.metadata ->> 'fallback_of')];
    if p_release and not v_followed then
        delete from messaging.idempotency_keys k
        where k.message_log_id = any (v_keys) and v_saved ->> 'external_id' is null;
    elsif p_release then
        null;
    elsif p_status <> 'unknown' then
        perform messaging.answer_keys(v_keys, v_saved, p_status);
    else
        update messaging.idempotency_keys k set ended = true
        where k.message_log_id = any (v_keys) and not k.ended;
    end if;
    return v_saved;
end
$$;
comment on function messaging.settle_message(uuid, text, text, text, text, jsonb, boolean, timestamptz, integer) is
    'Stores what Twilio answered; p_status is Twilio''s word, failed or unknown. Returns the row, null '
    'where there is none. p_release frees the idempotency key: nothing was sent for certain.';
