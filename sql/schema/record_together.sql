-- Record together: callbacks of Twilio's that arrived at the same time, in one transaction, which costs a
-- fifth of one each. What becomes of each is what record_status makes of it: of the plain ones, which most
-- are, record_plain for all at once, of the others itself.
--
-- Under concurrency it promises:
-- * No lock of a message is waited for, neither a SID's nor a row's: a callback of what somebody else holds
--   is passed over, and is 'busy'. So batches never wait for each other in a circle, nor with whoever
--   else takes these locks, and one message that is held delays no callback about another.
-- * What else record_status may wait for (an equal event that is being written, the profile that a
--   notification refers to, say) it waits for as that does alone, the plain ones first, then the others, the
--   SIDs in their order: p_patience milliseconds, then all fail.
-- * Of a busy one nothing is written: it is the caller's to record by itself. Where one fails nothing of any
--   is written.
-- * Callbacks of one SID are recorded in the order given, and leave what they leave one at a time.

-- Takes the locks of SIDs and of their rows, or of those that a callback would come to, where nobody has
-- them. What somebody has is returned.
create or replace function messaging.busy_sids(p_sids text[], p_ids uuid[]) returns text[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_sids constant text[] := array(select distinct s.sid from unnest(p_sids) as s (sid));
    v_found text[];
    v_others text[];
    v_rows uuid[];
begin
    -- What nearly all come to: as for record_status, a row that has the SID is lock enough.
    v_found := array(
        select m.external_id from public.message_logs m where m.external_id = any (v_sids)
        for no key update skip locked);
    if cardinality(v_found) = cardinality(v_sids) then
        return '{}';
    end if;

    -- Its row is held, or has it as a former one, or does not have it yet; or there is none.
    v_others := array(
        select s.sid from unnest(v_sids) as s (sid)
        where s.sid <> all (v_found) and messaging.sid_lock(s.sid, false));
    v_rows := array(
        select m.id from public.message_logs m
        where m.id in (
            select e.id from unnest(p_sids, p_ids) as e (sid, id) where e.sid = any (v_others)
            union all
            select e.message_log_id from messaging.message_status_events e where e.external_id = any (v_others))
        for no key update skip locked);
    return array(
        select s.sid from unnest(v_sids) as s (sid) where s.sid <> all (v_found || v_others)
        union all
        select m.external_id from public.message_logs m where m.external_id = any (v_others)
        union all
        select e.sid from unnest(p_sids, p_ids) as e (sid, id)
        join public.message_logs m on m.id = e.id and m.id <> all (v_rows)
        where e.sid = any (v_others)
        union all
        select e.external_id from messaging.message_status_events e
        where e.external_id = any (v_others) and e.message_log_id is not null and e.message_log_id <> all (v_rows));
end
$$;
comment on function messaging.busy_sids(text[], uuid[]) is
    'Locks SIDs and their rows without waiting; returns the SIDs that somebody else holds.';

-- Of callbacks the plain ones: the first of its SID, to a row that has the SID and that nobody holds, of the
-- next status, without an error, from which nothing follows. Those it recorded are returned, each by its SID.
-- The same as the short way through record_status, for all of them at once.
create or replace function messaging.record_plain(
    p_sids text[], p_statuses text[], p_error_codes text[], p_error_messages text[], p_parameters jsonb[],
    p_received_at timestamptz[], out sids text[], out ids uuid[], out statuses text[])
language plpgsql volatile set search_path = pg_catalog, pg_temp
-- A plan that was kept from when the tables were empty would read them whole. And without the second setting
-- each small batch gets a plan of its own, which makes a batch of eight a tenth dearer.
set enable_seqscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
    v_at timestamptz[];
begin
    with known as materialized (
        select e.sid, e.status, e.parameters, coalesce(e.at, clock_timestamp()) as at,
            m.id, m.status as former_status, m.recipient, m.message_type, m.metadata
        from unnest(p_sids, p_statuses, p_error_codes, p_error_messages, p_parameters, p_received_at)
            with ordinality as e (sid, status, code, message, parameters, at, place)
        join public.message_logs m on m.external_id = e.sid
        where coalesce(e.code, '') = '' and coalesce(e.message, '') = ''
          and e.status not in ('failed', 'undelivered', 'read')
          and e.place = array_position(p_sids, e.sid)
        order by e.sid collate "C"
        for no key update of m skip locked),
    told as (
        insert into messaging.message_status_events as e (message_log_id, external_id, status, parameters, received_at)
        select k.id, k.sid, k.status,
            messaging.event_parameters(coalesce(k.parameters, '{}'), k.sid, k.status, null, k.recipient, k.message_type,
                k.metadata), k.at
        from known k
        cross join messaging.status_order o
        where array_position(o.words, k.status) > coalesce(array_position(o.words, k.former_status), 0)
          and not exists (select from messaging.message_status_events e
            where e.external_id = k.sid and e.message_log_id is null)
        on conflict on constraint message_status_events_external_id_status_error_code_key do nothing
        returning e.external_id, e.message_log_id, e.status, e.received_at)
    select array_agg(t.external_id), array_agg(t.message_log_id), array_agg(t.status), array_agg(t.received_at)
    into sids, ids, statuses, v_at
    from told t;
    if sids is not null then
        update public.message_logs m
        set status = t.status, updated_at = clock_timestamp(),
            delivered_at = case t.status when 'delivered' then least(m.delivered_at, t.at, m.read_at)
                else m.delivered_at end
        from unnest(ids, statuses, v_at) as t (id, status, at)
        where m.id = t.id;
    end if;
end
$$;
comment on function messaging.record_plain(text[], text[], text[], text[], jsonb[], timestamptz[]) is
    'Records of callbacks those that tell a message''s next status and nothing else, and returns which they were.';

create or replace function messaging.record_statuses(
    p_ids uuid[], p_sids text[], p_statuses text[], p_error_codes text[], p_error_messages text[],
    p_parameters jsonb[], p_received_at timestamptz[], p_patience integer)
returns table (place bigint, outcome text, id uuid, external_id text, status text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    v_set text := set_config('lock_timeout', coalesce(p_patience, 5000)::text, true);
    v_plain record;
    v_busy text[];
    v_event record;
begin
    select n.* into v_plain
    from messaging.record_plain(p_sids, p_statuses, p_error_codes, p_error_messages, p_parameters, p_received_at) as n;
    return query
        select array_position(p_sids, n.sid)::bigint, 'recorded', n.id, n.sid, n.status
        from unnest(v_plain.sids, v_plain.ids, v_plain.statuses) as n (sid, id, status);
    if cardinality(v_plain.sids) = cardinality(p_sids) then
        return;
    end if;

    v_busy := messaging.busy_sids(p_sids, p_ids);
    for v_event in
        select e.* from unnest(p_ids, p_sids, p_statuses, p_error_codes, p_error_messages, p_parameters,
            p_received_at) with ordinality as e (id, sid, status, code, message, parameters, at, place)
        where (e.sid = any (v_plain.sids) and e.place = array_position(p_sids, e.sid)) is not true
        order by e.sid collate "C", e.place
    loop
        place := v_event.place;
        if v_event.sid = any (v_busy) then
            outcome := 'busy';
            id := null;
            external_id := null;
            status := null;
        else
            select r.outcome, r.id, r.external_id, r.status
            into record_statuses.outcome, record_statuses.id, record_statuses.external_id, record_statuses.status
            from messaging.record_status(v_event.id, v_event.sid, v_event.status, v_event.code, v_event.message,
                v_event.parameters, v_event.at, p_patience) as r;
        end if;
        return next;
    end loop;
end
$$;
comment on function messaging.record_statuses(uuid[], text[], text[], text[], text[], jsonb[], timestamptz[], integer) is
    'Records callbacks in one transaction, those of messages that somebody else holds excepted. Outcomes: '
    'recorded, unknown_message, busy; place is the callback''s in the arrays.';
