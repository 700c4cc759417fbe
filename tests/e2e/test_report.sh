#!/bin/sh
# --report: its figures are the database's whichever way they are written; what is wrong is told and
# leaves the last page; the page in a browser, and behind nginx. See lib.sh.
#
# Figures are compared with what stands in message_logs itself, not with the views that they come from.
# The pictures that a person may look at lie in BUILD/tests/e2e/report.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
begin
page=$work/pages/report.html
mkdir -m 755 "$work/pages"
pictures=$build/tests/e2e/report
mkdir -p "$pictures"

# report [OPTION...]: sets $exit; what it prints is in $work/out, and $work/err
report()
{
    env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 sh -c "$settings_then" "$settings_file" \
        "$work/cgi-bin/twilio-delivery-status" --report "$@" >"$work/out" 2>"$work/err"
    exit=$?
}

# fails STATUS TEXT OPTION...: one sentence, and nothing but it
fails()
{
    wanted=$1 told=$2
    shift 2
    report "$@"
    equals "exit status of --report $*" "$wanted" "$exit"
    equals "lines on standard error of $*" 1 "$(wc -l <"$work/err" | tr -d ' ')"
    grep -qF -e "$told" "$work/err" || complain "what --report $* says" "$told" "$(cat "$work/err")"
}

# figure NAME: the text of what has that name in the page, its units left out
figure() { grep -o "data-figure=\"$1\">[^<]*\(<bdi dir=\"ltr\">[^<]*\)*" "$page" | sed 's/.*>//; s/[,% ]//g' | head -n 1; }

today="(now() at time zone 'Africa/Cairo')::date"
day_of="(coalesce(sent_at, created_at) at time zone 'Africa/Cairo')::date"
ours="message_logs where message_type in ('sms', 'whatsapp') and provider = 'twilio' and status <> 'received'"

# looks NAME: how the page lies on a phone and on a desk, in light and dark: nothing is wider than it may
# be, nothing lies upon another, the numbers' tables being open.
looks()
{
    { sed 's,</body>.*,,' "$page"; cat <<'TEXT'; } | sed 's/&/\&amp;/g; s/"/\&quot;/g' >"$work/pages/looked.html"
<script>
const details = document.querySelectorAll("details");
for (const d of details) d.open = true;
const bad = [], box = (e) => e.getBoundingClientRect();
if (document.documentElement.scrollWidth > innerWidth) bad.push("the page is " + document.documentElement.scrollWidth);
const parts = [...document.querySelectorAll("h1,h2,p,dt,dd,th,td,li,summary,svg:not(.legend svg),.ends bdi")];
for (const e of parts) {
    const b = box(e);
    if (b.left < -0.5 || b.right > innerWidth + 0.5) bad.push(e.tagName + " outside: " + e.textContent);
    if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth) bad.push(e.tagName + " overflows: " + e.textContent);
}
for (const e of document.querySelectorAll("dd, td, th, p, li, .ends")) {
    const range = document.createRange(), b = box(e);
    range.selectNodeContents(e);
    for (const r of range.getClientRects())
        if (b.width && r.width && (r.left < b.left - 1 || r.right > b.right + 1)) bad.push(e.tagName + " is left by " + e.textContent);
}
for (let i = 0; i < parts.length; i++) for (let j = i + 1; j < parts.length; j++) {
    const a = box(parts[i]), b = box(parts[j]);
    if (a.width && b.width && !parts[i].contains(parts[j]) && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
        bad.push(parts[i].tagName + " upon " + parts[j].tagName + ": " + parts[i].textContent);
}
for (const d of details) d.open = false;
// whichever frame is first
parent.said = (parent.said || []).concat(innerWidth + ": " + parts.length + " parts, wrong: " + (bad.slice(0, 5).join("; ") || "nothing"));
parent.document.title = "looked " + parent.said.sort((a, b) => parseInt(a) - parseInt(b)).join(" ");
</script>
TEXT
    # A window has 500 pixels at least; a frame has what it is given.
    { echo '<!doctype html><title>looked</title><body style="margin:0;display:flex">'
        for width in 360 1280; do
            printf '<iframe style="border:0" width="%s" height="2400" srcdoc="' "$width"
            cat "$work/pages/looked.html"
            printf '"></iframe>'
        done; } >"$work/pages/frames.html"
    browse 1 --screenshot="$pictures/$1-light.png" >/dev/null
    equals "$1" 'looked 360: parts, wrong: nothing 1280: parts, wrong: nothing' "$(browse 0 --screenshot="$pictures/$1-dark.png" --dump-dom |
        sed -n 's,.*<title>\(.*\)</title>.*,\1,p' | sed 's/: [1-9][0-9]* parts/: parts/g')"
}

# browse 0|1 OPTION...: dark, or light
browse()
{
    scheme=$1
    shift
    env HOME="$work" XDG_CONFIG_HOME="$work" XDG_CACHE_HOME="$work" "$chromium" --headless=new --no-sandbox \
        --disable-gpu --hide-scrollbars --disable-dev-shm-usage --no-first-run --disable-background-networking \
        --blink-settings=preferredColorScheme="$scheme" --window-size=1640,2400 --user-data-dir="$work/browser" \
        "$@" "file://$work/pages/frames.html" 2>/dev/null
}
for chromium in chromium chromium-browser google-chrome ''; do
    ! command -v "$chromium" >/dev/null || break
done

it 'without messages all of them are empty'
report --csv
equals 'exit status' 0 "$exit"
equals 'CSV' 'day,message_type,total,delivered,read,failed,in_flight,delivered_share,read_share,median_delivery_seconds,p95_delivery_seconds,segments,price,price_unit,unpriced' \
    "$(tr -d '\r' <"$work/out")"
report --json
equals 'JSON' '{"report":[],"failures":[]}' "$(tr -d '\n' <"$work/out")"
report
equals 'the table' 'no messages' "$(tail -n 1 "$work/out")"
report --html "$page"
equals 'exit status' 0 "$exit"
equals 'mode of the page' 640 "$(stat -c %a "$page")"
equals 'sent today' 0 "$(figure today-total)"
[ -z "$chromium" ] || looks nothing

it 'one day'
sql -c "insert into message_logs (recipient, message_type, status, external_id, sent_at, delivered_at, metadata)
    select '+201012345678', t, s, t || s, now() - interval '1 s', now(), '{\"price\": \"-0.0450\", \"price_unit\": \"USD\", \"num_segments\": \"2\"}'
    from unnest(array['sms', 'whatsapp']) as t, unnest(array['delivered', 'queued', 'failed', 'canceled']) as s"
report --days 1 --html "$page"
equals 'sent today' 8 "$(figure today-total)"
equals 'cost' 0.3600 "$(figure today-cost)"
[ -z "$chromium" ] || looks a-day

it 'ninety days: the page has the figures of the database'
# Twilio's texts name the recipient, codes and currencies are whatever somebody wrote.
sql -c "insert into message_logs (recipient, message_type, message_content, status, external_id, sent_at, delivered_at, error_code, error_message, metadata)
    select '+201099999999', case when n % 3 = 0 then 'sms' else 'whatsapp' end, 'a secret text',
        case when n % 11 = 0 then 'failed' when n % 13 = 0 then 'queued' when n % 17 = 0 then 'canceled' when n % 5 = 0 then 'read' else 'delivered' end,
        'SM' || n, now() - n * interval '5 min', case when n % 11 > 0 then now() - n * interval '5 min' + n % 60 * interval '1 s' end,
        case when n % 11 = 0 then (array['30003', '63016', '<script>alert(1)</script>', null, '21610', '30005', '63024'])[1 + n / 11 % 7] end,
        case when n % 11 = 0 then 'The To number +201099999999 is not valid <img src=x>' end,
        jsonb_build_object('num_segments', 1 + n % 3, 'price', case when n % 7 > 0 then '-1234.5' end, 'price_unit', 'USD', 'tag', '<i>')
    from generate_series(1, 90 * 288 - 1) as n"
report --days 90 --html "$page"
for period in today days; do
    since=$(sql -c "select $today - case when '$period' = 'days' then 89 else 0 end")
    equals "sent, $period" "$(sql -c "select count(*) from $ours and $day_of >= '$since'")" "$(figure $period-total)"
    equals "share delivered, $period" "$(sql -c "select round(100 * round(count(*) filter (where status in ('delivered', 'read'))::numeric / count(*), 4), 1) from $ours and $day_of >= '$since'")" \
        "$(figure $period-delivered)"
    equals "failed, $period" "$(sql -c "select count(*) from $ours and status in ('failed', 'undelivered') and $day_of >= '$since'")" "$(figure $period-failed)"
    equals "cost, $period" "$(sql -c "select round(s, case when s >= 10000 then 0 when s < 1 then 4 else 2 end) from (select sum(abs((metadata ->> 'price')::numeric)) as s from $ours and $day_of >= '$since') as t")" "$(figure $period-cost)"
done
equals 'stuck' "$(sql -c "select count(*) from $ours and status = 'queued' and sent_at < now() - interval '12 hours' and sent_at > now() - interval '30 days'")" "$(figure today-stuck)"
equals 'the most frequent reason' "$(sql -c "select count(*) from $ours and status in ('failed', 'undelivered') and $day_of >= '$since' group by error_code order by 1 desc limit 1")" "$(figure reason)"
equals 'days in the table' 90 \
    "$(sed 's/<details>/\n&/g' "$page" | grep -m 1 '^<details>' | sed 's,</details>.*,,' | grep -o '<tr><th scope="row">' | wc -l | tr -d ' ')"
for hidden in +201099999999 201099999999 'a secret text' '<script' '<img' '<i>' http:// https://; do
    ! grep -qF -e "$hidden" "$page" || complain 'not in the page' "$hidden" 'is there'
done
grep -qF 'dir="rtl"' "$page" || complain 'the page' 'from right to left' "$(head -c 200 "$page")"
equals 'digits that are not Western' '' "$(grep -o -e ٠ -e ١ -e ٢ -e ٣ -e ٤ -e ٥ -e ٦ -e ٧ -e ٨ -e ٩ "$page" | head -n 1)"
echo "# a page of 90 days: $(wc -c <"$page") bytes"
equals 'at most 200 KB' t "$([ "$(wc -c <"$page")" -le 204800 ] && echo t)"
[ -z "$chromium" ] || looks ninety-days
report --html "$page"
[ -z "$chromium" ] || looks thirty-days

it 'JSON and CSV are the views, of today and the days before'
report --days 30 --json
{ printf "create temporary table told (j jsonb); insert into told values (\$json\$"; cat "$work/out"; cat <<SQL
\$json\$);
select j -> 'report' = (select jsonb_agg(r order by day desc, message_type) from message_report r where day > $today - 30) from told;
select jsonb_array_length(j -> 'failures') = (select count(*) from message_failures where day > $today - 30)
    and not exists (select from message_failures f where day > $today - 30 and not j -> 'failures' @> jsonb_build_array(to_jsonb(f))) from told;
SQL
} >"$work/told.sql"
equals 'JSON' 't
t' "$(sql -f "$work/told.sql" 2>&1)"
report --days=2 --csv
equals 'lines that do not end with CR' 1 "$(tr '\r' '\n' <"$work/out" | grep -c '^day')"
equals 'CSV' t "$(sql -c 'create table told as select * from message_report limit 0' -c "\\copy told from '$work/out' (format csv, header)" \
    -c "select not exists (select from message_report r full join told t on row(r.*)::text = row(t.*)::text where (r.day is null or t.day is null) and coalesce(r.day, t.day) > $today - 2)" 2>&1)"

it 'a table of at most 80 columns, with bars where a terminal has them'
report --days 90
equals 'exit status' 0 "$exit"
equals 'columns' t "$([ "$(wc -L <"$work/out")" -le 80 ] && echo t)"
equals 'bars in what is no terminal' '' "$(grep -m 1 '█' "$work/out")"
for locale in C.UTF-8 C; do
    env -i PATH=/usr/bin:/bin LC_ALL=$locale script -qec "sh -c '$settings_then' '$settings_file' '$work/cgi-bin/twilio-delivery-status' --report" \
        /dev/null </dev/null | tr -d '\r' >"$work/out"
    equals "bars in $locale" "$([ $locale = C ] || echo bars)" "$(grep -q '█' "$work/out" && echo bars)"
    equals "columns in $locale" t "$([ "$(wc -L <"$work/out")" -le 80 ] && echo t)"
    equals 'escapes' '' "$(grep "$(printf '\033')" "$work/out")"
done

it 'what is wrong is one sentence'
fails 2 "'--days' must be a number from 1 to 3660" --days 0
fails 2 "'--days' must be a number from 1 to 3660" --days thirty
fails 2 "'--days' needs a value" --days
fails 2 "takes no '--pdf'" --pdf
fails 2 "exclude each other" --csv --html "$page"
fails 2 "cannot write '$work/nowhere/report.html'" --html "$work/nowhere/report.html"
fails 2 "cannot write '$work/pages'" --html "$work/pages"
fails 2 "cannot write '/dev/full'" --html /dev/full
equals 'and it is a device still' 'character special file' "$(stat -c %F /dev/full)"
for verb in '--report --csv' '--report' '--metrics' '--expire' '--drain' '--check' '--version'; do
    # shellcheck disable=SC2086 # a verb and its option
    env -i PATH=/usr/bin:/bin sh -c "$settings_then" "$settings_file" \
        "$work/cgi-bin/twilio-delivery-status" $verb >/dev/full 2>"$work/err"
    equals "exit status of $verb into a full output" 2 $?
    equals 'and what is said' 'twilio-delivery-status: cannot write the output' "$(cat "$work/err")"
done

it 'without a database the last page stays'
cp -p "$page" "$work/kept"
settings "DATABASE_URL=host=$work/nowhere dbname=x"
fails 1 'no report: cannot connect to the database' --html "$page"
fails 1 'no report: cannot connect to the database'
equals 'the page and its time' "$(stat -c %Y "$work/kept")" "$(stat -c %Y "$page")"
cmp -s "$page" "$work/kept" || complain 'the page' 'as it was' 'another'
equals 'what lies beside it' 'report.html ' "$(cd "$work/pages" && rm -f looked.html frames.html && ls | tr '\n' ' ')"
settings

it 'nginx shows it to who has a password, once it has a file of them'
if ! command -v nginx >/dev/null; then
    equals nginx there missing
fi
mkdir "$work/web"
cp "$page" "$work/web/report.html"
chmod 755 "$work/web"; chmod 644 "$work/web/report.html"
printf 'staff:%s\n' "$(openssl passwd -apr1 secret)" >"$work/web/passwords"
for passwords in '' "$work/web/passwords"; do
    cat >"$work/web/nginx.conf" <<TEXT
daemon off;
pid $work/web/nginx.pid;
error_log $work/web/error.log;
events {}
http {
    access_log off;
    map "" \$twilio_cgi_report_passwords { default "$passwords"; }
    server {
        listen 127.0.0.1:$port;
$(sed "s|/var/lib/twilio-cgi|$work/web|" "$root/nginx/twilio-cgi-report.conf")
    }
}
TEXT
    nginx -e "$work/web/error.log" -c "$work/web/nginx.conf" 2>/dev/null &
    nginx_pid=$!
    await curl -q -s -o /dev/null "http://127.0.0.1:$port/"
    ask() { curl -q -s -o "$work/out" -D "$work/headers" -w '%{http_code}' "$@" "http://127.0.0.1:$port/twilio-cgi/report"; }
    equals "without a password (passwords: $passwords)" "$([ -z "$passwords" ] && echo 404 || echo 401)" "$(ask)"
    equals "a wrong one" "$([ -z "$passwords" ] && echo 404 || echo 401)" "$(ask -u staff:guess)"
    equals "the right one" "$([ -z "$passwords" ] && echo 404 || echo 200)" "$(ask -u staff:secret)"
    kill $nginx_pid
    wait $nginx_pid
done
cmp -s "$work/out" "$page" || complain 'the page' 'whole' "$(head -c 300 "$work/out")"
grep -qi '^content-type: text/html; charset=utf-8' "$work/headers" || complain 'its type' 'text/html' "$(cat "$work/headers")"
grep -qi "^content-security-policy: default-src 'none'" "$work/headers" || complain 'its policy' "default-src 'none'" "$(cat "$work/headers")"
[ -n "$chromium" ] || echo '# no Chromium on this machine: nobody has looked at the page'
finish
