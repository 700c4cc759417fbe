. /work/main/tests/e2e/lib.sh
begin
it 'one'
post send-twilio-message '{"to":"01012345678","message":"x"}'
answers 200
post send-twilio-message '{"to":"02 2345 6789","message":"x","type":"whatsapp"}'
answers 200
sleep 0.5
cat $work/twilio.log; cat $work/web/log/access.log; cat $work/web/log/programs.log
finish
