-- What the reconcile run asks, and by what it writes.
--
-- Twilio is asked by its lists of a day (UTC's, as Twilio's DateSent is), so what is due is said by day.
-- Looked at are messages of the last 30 days: there is no index on status, which would make every status
-- change dearer; the index on sent_at bounds what is read.

-- When a message was last asked about: of those only that are not finished.
create table if not exists messaging.reconcile_turns (
    message_log_id uuid primary key,
    asked_at timestamptz not null
);
comment on table messaging.reconcile_turns is
    'When the reconcile run last had Twilio''s word on a message that is not finished.';

create table if not exists messaging.reconcile_accounts (
    account_sid text primary key,
    redacted_at timestamptz not null default clock_timestamp()
);
comment on table messaging.reconcile_accounts is
    'Accounts in whose lists numbers were seen blotted out: that a message is not there proves nothing.';

create or replace function messaging.wants_word(p_status text, p_external_id text, p_metadata jsonb)
returns boolean
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return p_status not in ('canceled', 'failed', 'undelivered', 'delivered', 'read')
        or p_status <> 'canceled' and p_external_id is not null and p_metadata ->> 'price' is null;
end
$$;
comment on function messaging.wants_word(text, text, jsonb) is
    'Whether a message of ours lacks its final status or its price.';

-- Of another account is what says so; rows of before say nothing.
create or replace function messaging.is_of_account(p_metadata jsonb, p_account text) returns boolean
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(p_metadata ->> 'account_sid', p_account) = p_account;
end
$$;
comment on function messaging.is_of_account(jsonb, text) is
    'Whether a message was sent by this account, as far as it says.';

-- By turns, 12 hours, 1, 3 and 7 days after it was handed over: a turn is due until it was asked after
-- it began, and of several that were missed one asking makes up. With p_older_than whatever is older,
-- once in a run (p_since: when that began).
create or replace function messaging.is_turn(
    p_sent_at timestamptz, p_asked_at timestamptz, p_older_than interval, p_since timestamptz)
returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return case when p_older_than is null
        then exists (
            select from unnest('{12 h,24 h,72 h,168 h}'::interval[]) as turn
            where p_sent_at + turn <= now() and coalesce(p_asked_at < p_sent_at + turn, true))
        else p_sent_at <= now() - p_older_than and coalesce(p_asked_at < p_since, true) end;
end
$$;
comment on function messaging.is_turn(timestamptz, timestamptz, interval, timestamptz) is
    'Whether a message is to be asked about now.';

-- A run begins: its time, and whether nothing can be proved of this account. Old turns are forgotten.
create or replace function messaging.reconcile_begin(p_account text)
returns table (since timestamptz, today date, redacted boolean)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    delete from messaging.reconcile_turns t where t.asked_at < now() - interval '40 days';
    select now(), (now() at time zone 'UTC')::date,
        exists (select from messaging.reconcile_accounts a where a.account_sid = p_account)
$$;
comment on function messaging.reconcile_begin(text) is 'A reconcile run begins; redacted: nothing is proved.';

create or replace function messaging.reconcile_redacted(p_account text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    insert into messaging.reconcile_accounts (account_sid) values (p_account) on conflict do nothing
$$;
comment on function messaging.reconcile_redacted(text) is
    'Numbers are blotted out in this account''s lists: from now on nothing is proved by them.';

-- How many messages of one day are due: with a SID, and of another account (passed over).
create or replace function messaging.reconcile_day(
    p_day date, p_account text, p_older_than interval, p_since timestamptz)
returns table (due bigint, of_others bigint)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select count(*) filter (where messaging.is_of_account(m.metadata, p_account) and m.external_id is not null),
        count(*) filter (where not messaging.is_of_account(m.metadata, p_account))
    from messaging.outbound_messages m
    left join messaging.reconcile_turns t on t.message_log_id = m.id
    where m.sent_at >= p_day::timestamp at time zone 'UTC'
      and m.sent_at < (p_day + 1)::timestamp at time zone 'UTC'
      and m.recipient <> ''
      and messaging.wants_word(m.status, m.external_id, m.metadata)
      and messaging.is_turn(m.sent_at, t.asked_at, p_older_than, p_since)
$$;
comment on function messaging.reconcile_day(date, text, interval, timestamptz) is
    'How many messages of a day (UTC) are to be asked about, and how many of another account are not.';

-- Messages whose outcome is unknown, or whose process died: a page by (sent_at, id). Also those that
-- are not due: a message of Twilio's may be theirs.
create or replace function messaging.reconcile_orphans(
    p_account text, p_older_than interval, p_since timestamptz, p_after_sent_at timestamptz,
    p_after_id uuid, p_limit integer)
returns table (
    id uuid, message_type text, recipient text, message_content text, status text, sent_at timestamptz,
    metadata jsonb, due boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select m.id, m.message_type, m.recipient, m.message_content, m.status, m.sent_at, m.metadata,
        messaging.is_turn(m.sent_at, t.asked_at, p_older_than, p_since)
    from messaging.outbound_messages m
    left join messaging.reconcile_turns t on t.message_log_id = m.id
    where m.sent_at >= greatest(now() - interval '30 days', p_after_sent_at)
      and (p_after_sent_at is null or (m.sent_at, m.id) > (p_after_sent_at, p_after_id))
      and m.external_id is null
      and m.recipient <> ''
      and m.status in ('pending', 'unknown')
      and messaging.is_of_account(m.metadata, p_account)
    order by m.sent_at, m.id
    limit p_limit
$$;
comment on function messaging.reconcile_orphans(text, interval, timestamptz, timestamptz, uuid, integer) is
    'Messages of the last 30 days without a SID whose outcome is not known, by (sent_at, id), one page.';

-- Some messages of Twilio's list: [{"sid", "status", "code", "text", "details": {"price", ...}}, ...]. What
-- belongs to a row here is returned, and the SID alone of what did and is gone; with p_write, status and error
-- are joined into it as a callback's are, details merged into metadata, and its turn is over.
--
-- Under concurrency it promises what record_status does, and takes the locks of a message in the same
-- order: SID, then row. It goes by the SIDs' order, so two of them do not wait for each other in a
-- circle; for a message that somebody holds it waits 200 ms, and leaves it for the next run.
create or replace function messaging.reconcile_listed(p_messages jsonb, p_write boolean)
returns table (sid text, id uuid, was text, is_now text, priced boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $$
declare
    v_told record;
    v_row public.message_logs;
    v_former boolean;
    v_details jsonb;
begin
    for v_told in
        select t.*
        from jsonb_to_recordset(p_messages) as t (sid text, status text, code text, text text, details jsonb)
        order by t.sid
    loop
        select m.* into v_row from public.message_logs m where m.external_id = v_told.sid;
        v_former := not found;
        if v_former then
            -- An attempt that was tried again since.
            select m.* into v_row
            from messaging.message_status_events e
            join public.message_logs m on m.id = e.message_log_id
            where e.external_id = v_told.sid
            limit 1;
        end if;
        if not found then
            -- One that is gone is nobody else's.
            if messaging.is_forgotten(v_told.sid) then
                return query select v_told.sid, null::uuid, null::text, null::text, false;
            end if;
            continue;
        end if;
        sid := v_told.sid;
        id := v_row.id;
        was := v_row.status;
        is_now := v_row.status;
        if v_former then
            priced := false;
            if p_write and v_told.status in ('delivered', 'read') then
                begin
                    select r.status into is_now
                    from messaging.record_status(null, v_told.sid, v_told.status, null, null,
                        '{"source": "reconcile"}', null, 200) as r;
                exception when lock_not_available then
                    is_now := was;
                end;
            end if;
            return next;
            continue;
        end if;
        v_details := coalesce(v_told.details, '{}');
        priced := v_details ? 'price' and v_row.metadata ->> 'price' is null;
        if v_told.status is null or not exists (select from messaging.outbound_messages m where m.id = v_row.id) then
            priced := false;
        elsif not p_write then
            is_now := messaging.greater_status(v_row.status, v_told.status);
        else
            begin
                perform messaging.sid_lock(v_told.sid);
                select m.* into v_row from public.message_logs m where m.id = v_row.id for no key update;
                if messaging.greater_status(v_row.status, v_told.status) <> v_row.status
                    or messaging.status_rank(v_told.status) is null
                    or v_told.code is not null and v_row.error_code is null
                then
                    select r.status into is_now
                    from messaging.record_status(null, v_told.sid, v_told.status, v_told.code, v_told.text,
                        '{"source": "reconcile"}', null, 200) as r;
                end if;
                update public.message_logs m
                set metadata = messaging.metadata_object(m.metadata) || v_details, updated_at = clock_timestamp()
                where m.id = v_row.id and not messaging.metadata_object(m.metadata) @> v_details;
                select m.* into v_row from public.message_logs m where m.id = v_row.id;
                if messaging.wants_word(v_row.status, v_row.external_id, v_row.metadata) then
                    insert into messaging.reconcile_turns as t (message_log_id, asked_at)
                    values (v_row.id, clock_timestamp())
                    on conflict (message_log_id) do update set asked_at = excluded.asked_at;
                else
                    delete from messaging.reconcile_turns t where t.message_log_id = v_row.id;
                end if;
            exception when lock_not_available then
                is_now := was;
                priced := false;
            end;
        end if;
        return next;
    end loop;
end
$$;
comment on function messaging.reconcile_listed(jsonb, boolean) is
    'Joins messages of Twilio''s lists into the rows they belong to, and tells which those are.';

-- What is due of a day, has a SID and no final status, and was in no list: to be asked for one by one.
create or replace function messaging.reconcile_missed(
    p_day date, p_account text, p_older_than interval, p_since timestamptz, p_limit integer)
returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select m.external_id
    from messaging.outbound_messages m
    left join messaging.reconcile_turns t on t.message_log_id = m.id
    where m.sent_at >= p_day::timestamp at time zone 'UTC'
      and m.sent_at < (p_day + 1)::timestamp at time zone 'UTC'
      and m.recipient <> ''
      and m.external_id is not null
      and m.status not in ('canceled', 'failed', 'undelivered', 'delivered', 'read')
      and messaging.is_of_account(m.metadata, p_account)
      and messaging.is_turn(m.sent_at, t.asked_at, p_older_than, p_since)
    order by m.sent_at, m.id
    limit p_limit
$$;
comment on function messaging.reconcile_missed(date, text, interval, timestamptz, integer) is
    'SIDs of messages of a day that are due, have no final status and were in none of Twilio''s lists.';

-- The turn of what is due is over: of a day's messages with a SID, and of these without.
create or replace function messaging.reconcile_end(
    p_day date, p_account text, p_older_than interval, p_since timestamptz, p_ids uuid[])
returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
    insert into messaging.reconcile_turns as t (message_log_id, asked_at)
    select m.id, clock_timestamp()
    from messaging.outbound_messages m
    left join messaging.reconcile_turns a on a.message_log_id = m.id
    where m.sent_at >= p_day::timestamp at time zone 'UTC'
      and m.sent_at < (p_day + 1)::timestamp at time zone 'UTC'
      and m.recipient <> ''
      and m.external_id is not null
      and messaging.wants_word(m.status, m.external_id, m.metadata)
      and messaging.is_of_account(m.metadata, p_account)
      and messaging.is_turn(m.sent_at, a.asked_at, p_older_than, p_since)
    union
    select i, clock_timestamp() from unnest(p_ids) as i
    on conflict (message_log_id) do update set asked_at = excluded.asked_at
$$;
comment on function messaging.reconcile_end(date, text, interval, timestamptz, uuid[]) is
    'What was due of a day (null: of none), and these messages, have been asked about.';

---- for programs of before: asking for each message by itself

create or replace function messaging.unsettled_messages(
    p_older_than interval, p_after_sent_at timestamptz, p_after_id uuid, p_limit integer)
returns table (
    id uuid, external_id text, message_type text, recipient text, message_content text, status text,
    sent_at timestamptz, metadata jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select m.id, m.external_id, m.message_type, m.recipient, m.message_content, m.status, m.sent_at, m.metadata
    from messaging.outbound_messages m
    where m.sent_at >= greatest(now() - interval '30 days', p_after_sent_at)
      and m.sent_at < now() - p_older_than
      and (p_after_sent_at is null or (m.sent_at, m.id) > (p_after_sent_at, p_after_id))
      and m.recipient <> ''
      and m.status not in ('canceled', 'failed', 'undelivered', 'delivered', 'read')
    order by m.sent_at, m.id
    limit p_limit
$$;
comment on function messaging.unsettled_messages(interval, timestamptz, uuid, integer) is
    'Messages of the last 30 days without a final status, by (sent_at, id), one page.';

create or replace function messaging.known_sids(p_sids text[]) returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select m.external_id from public.message_logs m where m.external_id = any (p_sids)
    union
    -- Of an attempt that was tried again since.
    select e.external_id from messaging.message_status_events e
    where e.external_id = any (p_sids) and e.message_log_id is not null
    union
    select f.name from messaging.forgotten_messages f where f.name = any (p_sids)
$$;
comment on function messaging.known_sids(text[]) is 'Those of the SIDs that belong to a message here, or did until it was forgotten.';
