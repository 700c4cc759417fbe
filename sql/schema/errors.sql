-- The meanings of Twilio's error codes, in English for error_message and the reports, in Arabic for
-- the notifications. What stands in the table is in twilio_errors.sql.
create table if not exists messaging.twilio_errors (
    code text primary key,
    meaning text not null,
    meaning_ar text not null
);
call pg_temp.keep('alter table messaging.twilio_errors add column other_channel boolean not null default false');
call pg_temp.keep('alter table messaging.twilio_errors add column try_again boolean not null default false');
call pg_temp.keep($$alter table messaging.twilio_errors add column dead text
    check (dead in ('sms', 'whatsapp', 'both'))$$);
comment on table messaging.twilio_errors is 'What Twilio''s error codes mean, and what follows from them.';
comment on column messaging.twilio_errors.meaning is
    'For the staff: error_message and the reports have it where Twilio sent no text of its own.';
comment on column messaging.twilio_errors.meaning_ar is
    'For whoever is told of the failure: Egyptian Arabic that a tenant understands.';
comment on column messaging.twilio_errors.other_channel is
    'For the fallback: a WhatsApp message that fails with this code may reach the person as an SMS, which '
    'does not share the reason. Not where the person has refused us.';
comment on column messaging.twilio_errors.try_again is
    'For the follow-up: only a rate or a queue was exceeded, and the same message may go out a little later.';
comment on column messaging.twilio_errors.dead is
    'For the list of dead numbers: on a message of which channel this code says that nothing will arrive at '
    'the number by that channel; both: on either, each for itself (who has stopped our SMS has not stopped '
    'our WhatsApp).';

-- What is shown where Twilio sent no text.
create or replace function messaging.error_meaning(p_code text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((select t.meaning from messaging.twilio_errors t where t.code = p_code), 'Twilio error ' || p_code);
end
$$;
comment on function messaging.error_meaning(text) is 'The meaning of a code; ''Twilio error N'' where nobody knows it.';

create or replace function messaging.error_meaning_ar(p_code text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce((select t.meaning_ar from messaging.twilio_errors t where t.code = p_code),
        'خطأ غير معروف' || coalesce(' (' || p_code || ')', ''));
end
$$;
comment on function messaging.error_meaning_ar(text) is
    'The meaning of a code for whoever is told of a failure; where nobody knows it that, and the code.';

-- Twilio writes 0, and the former functions nothing, where there is no error. Strict, as the next one: of null
-- they make null, and are then not even called.
create or replace function messaging.error_number(p_code text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case when p_code !~ '^\s*0*\s*$' then btrim(p_code) end;
end
$$;
comment on function messaging.error_number(text) is 'The code of an error; null where there is none: nothing, or 0.';

-- In bytes, as the programs count when they clip.
create or replace function messaging.clipped(p_text text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
begin
    return case when octet_length(p_text) > 500
        then (select left(p_text, max(n)) from generate_series(1, 500) as n where octet_length(left(p_text, n)) <= 500)
        else p_text end;
end
$$;
comment on function messaging.clipped(text) is 'As much of a text as 500 bytes hold.';
