-- The order of the statuses: a message's status is the greatest that was seen of it.

-- The words in their order. A view and no function: a statement that names it has the words as a constant,
-- and pays for no call.
call pg_temp.keep($$create view messaging.status_order with (security_invoker = true) as
select '{pending,unknown,accepted,scheduled,queued,sending,sent,canceled,failed,undelivered,delivered,read}'::text[]
    as words$$);
comment on view messaging.status_order is
    'The status words from the least to the greatest. accepted and scheduled are equal; where one must be '
    'greater it is scheduled.';

create or replace function messaging.status_rank(p_status text) returns integer
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select array_position(o.words, case p_status when 'scheduled' then 'accepted' else p_status end)
        from messaging.status_order o);
end
$$;
comment on function messaging.status_rank(text) is
    'Place of a status word in the order of data; null for a word that nobody knows.';

-- Of two statuses the greater one. The two of equal rank are told apart by the alphabet, an unknown
-- word is less than any known one: so the result does not depend on the order of the arguments.
create or replace function messaging.greater_status(p_one text, p_other text) returns text
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select case
            when (coalesce(array_position(o.words, p_one), 0), p_one collate "C")
                >= (coalesce(array_position(o.words, p_other), 0), p_other collate "C")
            then p_one else p_other end
        from messaging.status_order o);
end
$$;
comment on function messaging.greater_status(text, text) is 'The greater of two status words.';
