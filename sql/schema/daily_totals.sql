-- What stays of messages that are gone: their day's sums. Each message is in exactly one place, its row or
-- these; the reports add both up. No tag, code or reason is the empty word. Nothing here tells of a person: a text of Twilio's without a code is
-- kept with its numbers left out, one with a code is not kept.

create table if not exists messaging.daily_totals (
    day date not null,
    message_type text not null,
    tag text not null default '',
    total bigint not null,
    delivered bigint not null,
    read bigint not null,
    failed bigint not null,
    in_flight bigint not null,
    segments bigint,
    price numeric,
    least_unit text,
    greatest_unit text,
    unpriced bigint not null,
    primary key (day, message_type, tag)
);
comment on table messaging.daily_totals is
    'The sums of messages whose rows are gone, by day of Cairo, channel and tag.';
comment on column messaging.daily_totals.least_unit is
    'The first of the currencies that price is in; where greatest_unit is another, the price means nothing.';

create table if not exists messaging.daily_failures (
    day date not null,
    message_type text not null,
    error_code text not null default '',
    reason text not null default '',
    messages bigint not null,
    primary key (day, message_type, error_code, reason)
);
comment on table messaging.daily_failures is
    'The failed ones among the messages of daily_totals, by code; by text where there is no code.';

create table if not exists messaging.daily_delivery (
    day date not null,
    message_type text not null,
    by_tag boolean not null,
    tag text not null default '',
    median_delivery_seconds numeric,
    p95_delivery_seconds numeric,
    expired boolean not null,
    primary key (day, message_type, by_tag, tag)
);
comment on table messaging.daily_delivery is
    'How long the deliveries of a day took, measured while its rows were there: percentiles do not add up.';
comment on column messaging.daily_delivery.expired is
    'Measured when the day''s rows began to be expired: it counts for more than what rows are left.';

-- Before the first of a day's rows go. What was measured when one person was forgotten is measured again
-- when the day is.
create or replace function messaging.measure_deliveries(p_days date[], p_expired boolean) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
set work_mem = '32MB' set jit = off
as $$
begin
    insert into messaging.daily_delivery as t
        (day, message_type, by_tag, tag, median_delivery_seconds, p95_delivery_seconds, expired)
    select d.day, s.message_type, s.by_tag, coalesce(s.tag, ''), s.median_delivery_seconds, s.p95_delivery_seconds,
        p_expired
    from (
        select distinct n as day from unnest(p_days) as n
        where not exists (select from messaging.daily_delivery t where t.day = n and (t.expired or not p_expired))
    ) as d
    cross join lateral messaging.day_sums(d.day) as s
    order by 1, 2, 3, 4
    on conflict (day, message_type, by_tag, tag) do update
    set median_delivery_seconds = excluded.median_delivery_seconds,
        p95_delivery_seconds = excluded.p95_delivery_seconds, expired = true
    where excluded.expired and not t.expired;
end
$$;
comment on function messaging.measure_deliveries(date[], boolean) is
    'Keeps the delivery times of days whose rows are about to go.';

-- The caller holds the rows' locks, and deletes them in the same transaction. The sums are taken in one
-- order, so that two who do this wait for each other and not in a circle.
create or replace function messaging.add_to_totals(p_ids uuid[], p_expired boolean) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
    perform messaging.measure_deliveries(
        array(select distinct messaging.cairo_day(coalesce(f.sent_at, f.created_at))
            from messaging.message_facts f where f.id = any (p_ids)), p_expired);
    insert into messaging.daily_totals as t
        (day, message_type, tag, total, delivered, read, failed, in_flight, segments, price, least_unit,
         greatest_unit, unpriced)
    select messaging.cairo_day(coalesce(f.sent_at, f.created_at)), f.message_type, coalesce(f.tag, ''), count(*),
        count(*) filter (where f.delivered), count(*) filter (where f.read), count(*) filter (where f.failed),
        count(*) filter (where f.in_flight), sum(f.segments), sum(f.price),
        min(f.price_unit) filter (where f.price is not null), max(f.price_unit) filter (where f.price is not null),
        count(*) filter (where f.taken and f.price is null)
    from messaging.message_facts f
    where f.id = any (p_ids)
    group by 1, 2, 3
    order by 1, 2, 3
    on conflict (day, message_type, tag) do update
    set total = t.total + excluded.total, delivered = t.delivered + excluded.delivered,
        read = t.read + excluded.read, failed = t.failed + excluded.failed,
        in_flight = t.in_flight + excluded.in_flight,
        segments = coalesce(t.segments + excluded.segments, t.segments, excluded.segments),
        price = coalesce(t.price + excluded.price, t.price, excluded.price),
        least_unit = least(t.least_unit, excluded.least_unit),
        greatest_unit = greatest(t.greatest_unit, excluded.greatest_unit),
        unpriced = t.unpriced + excluded.unpriced;
    insert into messaging.daily_failures as t (day, message_type, error_code, reason, messages)
    select messaging.cairo_day(coalesce(f.sent_at, f.created_at)), f.message_type, coalesce(f.error_code, ''),
        case when f.error_code is null
            then coalesce(regexp_replace(f.error_message, '\+?\d[\d\s-]{5,}\d', '…', 'g'), '') else '' end,
        count(*)
    from messaging.message_facts f
    where f.id = any (p_ids) and f.failed
    group by 1, 2, 3, 4
    order by 1, 2, 3, 4
    on conflict (day, message_type, error_code, reason) do update set messages = t.messages + excluded.messages;
end
$$;
comment on function messaging.add_to_totals(uuid[], boolean) is
    'Adds the messages of ours among these to the totals of their days.';
