# What the programs of the release before (commit 3114e0e) say to the database stands in former_calls.txt,
# as they say it: it is understood, and allowed to them. Whoever makes a release puts its statements there.
. "$root/tests/sql/tap.sh"
db=messaging_template
while read -r statement; do
    parameters=$(printf %s "$statement" | grep -o '\$[0-9]*' | sort -u | sed 's/.*/null/' | paste -s -d ,)
    # Whatever becomes of it: not of class 42, which no function, no column or no right is.
    said=$(psql -XAtq -d $db -U twilio_cgi -v VERBOSITY=sqlstate -c 'begin' -c "prepare former as $statement" \
        -c "execute former${parameters:+($parameters)}" 2>&1 | grep -E '(42|3F)...$')
    is "$(printf %s "$statement" | sed 's/.*\(messaging\.[a-z_]*(.*)\).*/\1/')" "$said" ''
done < "$root/tests/sql/former_calls.txt"
is 'statements' "$(grep -c . "$root/tests/sql/former_calls.txt")" 6
is 'one that is none is seen' "$(psql -XAtq -d $db -U twilio_cgi -v VERBOSITY=sqlstate -c 'prepare former as select messaging.settle_message($1)' 2>&1)" 'ERROR:  42883'
done_testing
