-- The meanings of Twilio's error codes, in English for error_message and the reports, in Arabic for
-- the notifications. What stands in the table is in twilio_errors.sql.
create table if not exists messaging.twilio_errors (
    code text primary key,
    meaning text not null,
    meaning_ar text not null
);
comment on table messaging.twilio_errors is 'What Twilio''s error codes mean.';

-- What is shown where Twilio sent no text.
create or replace function messaging.error_meaning(p_code text) returns text
language sql stable
as $$
    select coalesce((select t.meaning from messaging.twilio_errors t where t.code = p_code), 'Twilio error ' || p_code)
$$;
comment on function messaging.error_meaning(text) is 'The meaning of a code; ''Twilio error N'' where nobody knows it.';

-- In bytes, as the programs count when they clip. A text of null takes the short way too.
create or replace function messaging.clipped(p_text text) returns text
language sql immutable parallel safe
as $$
    select case when octet_length(p_text) > 500
        then (select left(p_text, max(n)) from generate_series(1, 500) as n where octet_length(left(p_text, n)) <= 500)
        else p_text end
$$;
comment on function messaging.clipped(text) is 'As much of a text as 500 bytes hold.';
