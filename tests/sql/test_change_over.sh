# From the old functions to the programs and back, at every starting point: whoever writes, and in the
# middle of the migration too, what is written arrives.
. "$root/tests/sql/tap.sh"

# As the old functions do, through PostgREST.
service() {
    psql -XAtq -v ON_ERROR_STOP=1 -d "$db" -c 'set role service_role' -c "$1" 2>&1
}
# old_send SID, old_webhook SID STATUS, old_log SID
old_send() {
    service "insert into whatsapp_messages (message_sid, sender_id, recipient_phone, $body, status, request_id, media_url)
        values ('$1', '$user', '+201012345678', 'نص', 'queued', '$request', null) returning message_sid, status, $body"
}
old_webhook() {
    service "update whatsapp_messages set status = '$2', delivered_at = case '$2' when 'delivered' then now() end,
        read_at = case '$2' when 'read' then now() end, error_code = null, error_message = null, updated_at = now()
        where message_sid = '$1' returning message_sid, status"
}
old_log() {
    service "insert into message_logs (request_id, recipient, message_type, message_content, provider, status, external_id, metadata, sent_at)
        values ('$request', 'whatsapp:+201012345678', 'whatsapp', 'نص', 'twilio', 'sent', '$1', '{}', now()) returning external_id, status"
}
# old_legacy SID: by the name that the table has had since April 2026
old_legacy() {
    service "insert into _legacy_message_logs (recipient, message_type, message_content, provider, status, external_id, notification_stage, retry_count)
        values ('+201012345678', 'sms', 'نص', 'twilio', 'sent', '$1', 'created', 1);
        update _legacy_message_logs set retry_count = retry_count + 1 where external_id = '$1' returning external_id, status, channel, retry_count"
}
# new_send SID, new_webhook SID STATUS
new_send() {
    psql -XAtq -d "$db" -U twilio_cgi <<-SQL
	select id from messaging.reserve_message('send-whatsapp', null, '$user', 5, 'whatsapp', '+201012345678', 'نص', '$request', null, null) \\gset
	select j ->> 'external_id', j ->> 'status' from messaging.settle_message(:'id', '$1', 'queued', null, null, '{}', false, null) as j
	SQL
}
new_webhook() {
    psql -XAtq -d "$db" -U twilio_cgi -c "select external_id, status from messaging.record_status(null, '$1', '$2', null, null, '{}', null)"
}
# The row of a SID: what it is about, status, and which times it has.
row() {
    value "select recipient, message_type, sender_id = '$user', request_id = '$request', status, sent_at is not null, delivered_at is not null, read_at is not null
        from message_logs where external_id = '$1'"
}

for shape in 1 2 3 4 5; do
    db=change_over_$shape
    starting_point $db $shape 200 0
    user=$(value "select test_id('u', 7)") request=$(value "select test_id('r', 7)")
    body=$([ $shape -le 2 ] && echo message_body || echo message_content)
    if [ $shape -gt 1 ]; then
        value 'alter function count_call() security definer; alter function look_up() security definer'
        is "shape $shape: the old sender, before" "$(old_send SMw1)" 'SMw1|queued|نص'
        is "shape $shape: the other" "$(old_log SMl1)" 'SMl1|sent'

        # The migration has both tables and waits for a third; the old functions wait for it.
        hold 'lock table profiles in access exclusive mode'
        migrate $db > "$work/migrate" &
        migration=$!
        waiters 1
        is "shape $shape: the migration has the old table" "$(value "select count(*) from pg_locks where relation = 'public.whatsapp_messages'::regclass and mode = 'AccessExclusiveLock' and granted")" 1
        old_send SMw2 > "$work/send" &
        send=$!
        waiters 2
        old_webhook SMw1 delivered > "$work/webhook" &
        webhook=$!
        waiters 3
        old_log SMl2 > "$work/log" &
        log=$!
        waiters 4
        let_go commit
        wait $migration
        is "shape $shape: the migration works" $? 0
        wait $send $webhook $log
        is "shape $shape: so do those who waited for it" "$(cat "$work/send" "$work/webhook" "$work/log")" 'SMw2|queued|نص
SMw1|delivered
SMl2|sent'
        is "shape $shape: what they wrote has arrived" "$(row SMw1; row SMw2; row SMl2)" \
            '+201012345678|whatsapp|t|t|delivered|t|t|f
+201012345678|whatsapp|t|t|queued|t|f|f
+201012345678|whatsapp||t|sent|t|f|f'
    else
        migrate $db > /dev/null
        is "shape $shape: the migration works" $? 0
    fi

    is "shape $shape: the old sender, after" "$(old_send SMw3)" 'SMw3|queued|نص'
    is "shape $shape: the other" "$(old_log SMl3)" 'SMl3|sent'
    [ $shape -lt 5 ] || is "shape $shape: by the table's other name" "$(old_legacy SMx3)" 'SMx3|sent|sms|2'
    is "shape $shape: the old webhook" "$(old_webhook SMw3 delivered)" 'SMw3|delivered'
    is "shape $shape: the new sender" "$(new_send SMn1)" 'SMn1|queued'
    is "shape $shape: the new webhook, of the old one's messages" "$(new_webhook SMw3 read; new_webhook SMl3 delivered)" 'SMw3|read
SMl3|delivered'
    is "shape $shape: back, the old webhook of the new one's" "$(old_webhook SMn1 read)" 'SMn1|read'
    is "shape $shape: the old sender again" "$(old_send SMw4)" 'SMw4|queued|نص'
    is "shape $shape: everything is there" "$(row SMw3; row SMl3; row SMn1; row SMw4)" \
        '+201012345678|whatsapp|t|t|read|t|t|t
+201012345678|whatsapp||t|delivered|t|t|f
+201012345678|whatsapp|t|t|read|t|t|t
+201012345678|whatsapp|t|t|queued|t|f|f'
    [ $shape -lt 5 ] || is "shape $shape: a tag is the stage, a stage stays" "$(value "select saved ->> 'notification_stage' from messaging.reserve_message('c', null, null, null, 'sms', '+201012345678', 'x', null, null, '{\"tag\": \"visit-1\"}');
        insert into message_logs (recipient, message_type, message_content, metadata, notification_stage) values ('+20', 'sms', 'x', '{\"tag\": \"a\"}', 'b'), ('+20', 'sms', 'x', '{}', null) returning notification_stage")" 'visit-1
b'
    [ $shape -lt 5 ] || value 'drop function recent_logs, recent_legacy_logs, log_message; drop view failed_by_type, failed_messages'
    psql -X -d "$db" -U app_owner -f "$root/sql/drop-legacy.sql" > "$work/drop" 2>&1
    is "shape $shape: the old table can go" $? 0
    is "shape $shape: and the other name" "$(value "select to_regclass('_legacy_message_logs')")" ''
    is "shape $shape: the old functions still work" "$(old_send SMw5; old_webhook SMw5 sent)" 'SMw5|queued|نص
SMw5|sent'
done

# Where whatsapp_messages is Meta's.
db=change_over_6
starting_point $db 6 200 0
user=$(value "select test_id('u', 7)") request=$(value "select test_id('r', 7)")
value 'alter function count_call() security definer; alter function look_up() security definer'
old_meta() {
    service "insert into whatsapp_messages (wa_message_id, direction, phone_number, content) values ('$1', 'inbound', '+2015', 'x') returning wa_message_id, status"
    service "insert into message_logs (recipient, message_type, message_content, provider, status, external_id) values ('+2015', 'whatsapp', 'x', 'meta', 'sent', '$1');
        update message_logs set status = 'delivered' where external_id = '$1' returning external_id, status"
}
is "shape 6: the application's functions, before" "$(old_log SMl1; old_legacy SMx1; old_meta wamid.before)" 'SMl1|sent
SMx1|sent|sms|2
wamid.before|received
wamid.before|delivered'
migrate $db > /dev/null
is 'shape 6: the migration works' $? 0
is 'shape 6: and after' "$(old_log SMl2; old_legacy SMx2; old_meta wamid.after)" 'SMl2|sent
SMx2|sent|sms|2
wamid.after|received
wamid.after|delivered'
is 'shape 6: the new ones beside them' "$(new_send SMn1; new_webhook SMn1 delivered; new_webhook SMx2 delivered)" 'SMn1|queued
SMn1|delivered
SMx2|delivered'
done_testing
