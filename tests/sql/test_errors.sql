-- messaging.twilio_errors: every code that a message can carry, and what follows from it.
begin;
select no_plan();
select is((select string_agg(code, ' ') from unnest(string_to_array(
    '20001 20003 20005 20404 20422 20429 20500 20503 20504 21211 21212 21265 21266 21267 21268 21408 21601 21602 21603 21604 21605 21606 21607 21608 '
    '21609 21610 21611 21612 21613 21614 21616 21617 21618 21619 21620 21621 21622 21623 21624 21626 21627 21635 21652 21653 21654 21655 21656 21657 '
    '21658 21659 21660 21661 21662 21663 21664 21665 21666 21667 21668 21701 21702 21703 21704 21705 21708 21709 21710 21711 21712 21713 21714 21715 '
    '21910 30001 30002 30003 30004 30005 30006 30007 30008 30009 30010 30011 30012 30013 30014 30015 30016 30017 30018 30019 30020 30021 30022 30023 '
    '30024 30025 30026 30027 30028 30029 30030 30031 30032 30033 30034 30035 30036 30037 30038 30039 30040 30041 30042 30043 30044 30045 30046 30101 '
    '30102 30103 30106 30107 30110 30111 30400 30404 30409 30410 30450 30453 30454 30485 30500 30610 30615 30620 30630 30640 63001 63002 63003 63005 '
    '63006 63007 63008 63009 63010 63011 63012 63013 63014 63015 63016 63017 63018 63019 63020 63021 63022 63023 63024 63025 63026 63027 63028 63029 '
    '63030 63031 63032 63033 63034 63035 63036 63037 63038 63039 63040 63041 63042 63043 63044 63045 63046 63047 63049 63050 63051 63052 63053 63054 '
    '63055 63056 63057 63058 63059 63100 63101 63102 63103 63104 63105 63106 63107 63108 63109 63110 63111 63112 63113 63114 63115 63116 63117 63118 '
    '63119 63120 92001 92002 92003 92004 92005 92006 92007 92008 92009 92010', ' ')) as code
    where not exists (select from messaging.twilio_errors t where t.code = code.code)), null, 'every code of the families is there');
select is((select string_agg(code, ' ') from messaging.twilio_errors where code !~ '^\d{5}$' or btrim(meaning) <> meaning or btrim(meaning_ar) <> meaning_ar
    or meaning ~ '[ء-ي]|\.$' or meaning !~ '[a-z]' or meaning_ar !~ '[ء-ي]' or meaning_ar ~ '[A-Za-z]'), null, 'with both meanings, the Arabic in Arabic words');
select is((select string_agg(code, ' ') from messaging.twilio_errors where length(meaning) > 100 or length(meaning_ar) > 100), null, 'short ones');
select is((select string_agg(code, ' ' order by code) from messaging.twilio_errors where try_again), '30001 30017 30022 63017 63018 63119', 'what may be tried again');
select is((select string_agg(code, ' ') from unnest(string_to_array('63003 63015 63016 63018 63024 63028 63032 63049 63051 63112 21211 21655 21656 30001', ' ')) as code
    where not (select other_channel from messaging.twilio_errors t where t.code = code.code)), null, 'where an SMS may help');
select is((select string_agg(code, ' ') from unnest(string_to_array('20003 20005 20429 21408 21608 21610 21614 21617 21635 30002 30003 30005 30006 30007 30036 30630 63014 63033 63038', ' ')) as code
    where (select other_channel from messaging.twilio_errors t where t.code = code.code)), null, 'where SMS shares the reason, or the person has refused');
select is((select string_agg(dead || ' ' || codes, ', ' order by dead) from (
        select dead, string_agg(code, ' ' order by code) as codes from messaging.twilio_errors where dead is not null group by 1) as d),
    'both 21211 21217 21610 30630, sms 21265 21268 21614 21635 30005 30006, whatsapp 63003 63014 63024 63033', 'the codes of dead numbers');
select throws_ok($$update messaging.twilio_errors set dead = 'fax'$$, '23514', null, 'on one of our channels');

-- The file again, as migrate.sql runs it: an operator's own code stays, what he changed of ours does not.
insert into messaging.twilio_errors (code, meaning, meaning_ar, dead) values ('99001', 'ours', 'بتاعنا', 'sms');
update messaging.twilio_errors set meaning_ar = 'غيره', try_again = true where code = '30003';
select count(*) as before from messaging.twilio_errors \gset
select xmin as untouched from messaging.twilio_errors where code = '30005' \gset
\ir ../../sql/schema/twilio_errors.sql
select is((select count(*) from messaging.twilio_errors), :before::bigint, 'no row more or less');
select row_eq('select meaning, dead from messaging.twilio_errors where code = ''99001''', row('ours'::text, 'sms'::text), 'an operator''s own code stays');
select ok(meaning_ar <> 'غيره' and not try_again, 'ours is as it stands in the file') from messaging.twilio_errors where code = '30003';
select is(xmin::text, :'untouched', 'what is as it should be is not written again') from messaging.twilio_errors where code = '30005';
select * from finish();
rollback;
