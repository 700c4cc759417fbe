-- Numbers as people write them, as lib/phone reads them: forget_recipient takes what `to` takes.
create or replace function messaging.international_number(p_typed text) returns text
language plpgsql immutable strict set search_path = pg_catalog, pg_temp
as $$
declare
    v_digits constant text := '0123456789';
    v_separators constant text := '[\t \-.\u00A0\u00AD\u00B7\u061C\u0640\u1680\u180E\u2000-\u2015\u2024\u202A-\u202F'
        '\u2043\u205F\u2060\u2066-\u206F\u2212\u3000\uFE58\uFE63\uFEFF\uFF0D\uFF0E]+';
    v_unseen constant text := '[\s\u00A0\u00AD\u061C\u180E\u2000-\u200F\u2028-\u202F\u205F-\u206F\u3000\uFEFF]+';
    v_egyptian constant text := '^0?(1[0125]\d{8}|2\d{8}|3\d{7}|13[23]\d{6}|57\d{6,7}|[89]00\d{7}'
        '|(4[05-8]|5[05]|6[245689]|8[2468]|9[23567])\d{7})$';
    v_typed text := regexp_replace(p_typed, '^' || v_unseen || '|' || v_unseen || '$', '', 'g');
    v_abroad boolean;
    v_national text;
begin
    v_typed := regexp_replace(v_typed, '^whatsapp:' || '(' || v_unseen || ')?', '', 'i');
    v_typed := translate(v_typed, '٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹０１２３４５６７８９＋﹢（）',
        v_digits || v_digits || v_digits || '++()');
    v_typed := regexp_replace(v_typed, v_separators, '', 'g');
    v_typed := regexp_replace(v_typed, '^(\+|00)(?!20)(\d{1,3})\(0\)', '\1\2');
    v_typed := regexp_replace(v_typed, '[()]', '', 'g');
    if v_typed !~ '^\+?\d{1,17}$' then
        return null;
    end if;

    v_abroad := v_typed ~ '^(\+|00)';
    v_typed := regexp_replace(v_typed, '^(\+|00)', '');
    v_national := case when v_typed ~ '^20' and (v_abroad or v_typed !~ v_egyptian) then substr(v_typed, 3)
        when not v_abroad then v_typed end;
    if v_national is not null then
        v_national := (regexp_match(v_national, v_egyptian))[1];
        return '+20' || v_national;
    end if;
    return case when v_typed ~ '^[1-9]\d{7,14}$' then '+' || v_typed end;
end
$$;
comment on function messaging.international_number(text) is
    'A number in E.164 as lib/phone has it, with or without whatsapp: before it; null for what is none.';

-- How rows of others may have it.
create or replace function messaging.spellings(p_number text) returns text[]
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
    v_bare constant text := ltrim(p_number, '+');
begin
    return array[p_number, v_bare, '00' || v_bare, 'whatsapp:' || p_number, 'whatsapp:' || v_bare]
        || case when p_number like '+20%' then array['0' || substr(p_number, 4), substr(p_number, 4)] else '{}' end;
end
$$;
comment on function messaging.spellings(text) is 'The ways in which a number in E.164 may stand in a row.';
