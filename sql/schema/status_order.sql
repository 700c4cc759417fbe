-- The order of the statuses: a message's status is the greatest that was seen of it.

create or replace function messaging.status_rank(p_status text) returns integer
language plpgsql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case p_status
        when 'pending' then 0
        when 'unknown' then 1
        when 'accepted' then 2
        when 'scheduled' then 2
        when 'queued' then 3
        when 'sending' then 4
        when 'sent' then 5
        when 'canceled' then 6
        when 'failed' then 7
        when 'undelivered' then 8
        when 'delivered' then 9
        when 'read' then 10
    end;
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
    return case
        when (coalesce(messaging.status_rank(p_one), -1), p_one collate "C")
            >= (coalesce(messaging.status_rank(p_other), -1), p_other collate "C")
        then p_one else p_other end;
end
$$;
comment on function messaging.greater_status(text, text) is 'The greater of two status words.';
