# The table of README's section Speed, and that of twilio-cgi(7), as they stand there.

function beside(line, label, name,    text) {
    text = with_range(line, label, "rate")
    if (text == "") return
    beside_list = beside_list (beside_list == "" ? "" : ", ") name " " text
}

function readme_row(what, line, cost,    memory) {
    if (figure(line, "ours", "rate") == "") return
    if (!readme_head++) {
        print "\n| | requests/s | times those of | CPU ms: program, PostgreSQL | MiB |"
        print "|---|---:|---|---:|---:|"
    }
    beside_list = ""
    beside(line, "minimal, libpq", "minimal")
    beside(line, "minimal, libpq and libcurl", "minimal")
    beside(line, "minimal, lean", "lean")
    beside(line, "minimal FastCGI, libpq", "minimal")
    beside(line, "minimal FastCGI, libpq and libcurl", "minimal")
    beside(line, "pgbench -M prepared", "pgbench")
    beside(line, "pgbench -M prepared, 16 clients", "pgbench")
    beside(line, "Node, the same contract", "Node")
    beside(line, "Node, its own SQL", "Node with its own SQL")
    beside(line, "Node, plain send", "Node")
    memory = cost == "" ? figure(line, "ours", "pss") / 1024 : figure("instructions, " cost, "ours", "peak")
    printf "| %s | %s | %s | %.2f, %.2f | %s |\n", what, counted(figure(line, "ours", "rate")), beside_list,
        figure(line, "ours", "program"), figure(line, "ours", "database"), shown("%.1f", memory)
}

function manual_row(what, line,    shared) {
    if (figure(line, "ours", "instructions") == "") return
    if (!manual_head++) print ""
    shared = figure(line, "shared libraries", "instructions")
    printf ".It %s Ta %s%s Ta %.1f%s\n", what, millions(figure(line, "ours", "instructions")),
        (shared == "" ? "" : " (" millions(shared) ")"), figure(line, "ours", "peak"),
        (shared == "" ? "" : sprintf(" (%.1f)", figure(line, "shared libraries", "peak")))
}

function memory_of(line) {
    return sprintf("%.1f and %.1f", figure(line, "first", "pss") / 1024, figure(line, "then", "pss") / 1024)
}

# What the manual page says in words.
function manual_words(    cgi, fastcgi) {
    if (figure("memory, FastCGI, webhook", "then", "pss") != "")
        printf "\n%s FastCGI requests leave the memory where %s did (webhook %s\nMiB, sender %s).\n",
            counted(figure("memory, FastCGI, webhook", "first", "ok") + figure("memory, FastCGI, webhook", "then", "ok")),
            counted(figure("memory, FastCGI, webhook", "first", "ok")), memory_of("memory, FastCGI, webhook"),
            memory_of("memory, FastCGI, send")
    cgi = ratio("send-whatsapp, CGI, 8 callers", "send-twilio-message, SMS", "cpu")
    fastcgi = ratio("send-whatsapp, FastCGI, 64 callers", "send-twilio-message, SMS", "cpu")
    if (cgi != "")
        printf ".Nm send-whatsapp\ncosts %.1f (CGI), %.1f (FastCGI) times an SMS.\n", cgi, fastcgi
}

function millions(number) { return sprintf(number < 1 ? "%.2f" : "%.1f", number) }

END {
    readme_row("webhook, CGI", "webhook, CGI, 8 callers", "webhook")
    readme_row("webhook, CGI through pgbouncer", "webhook, CGI, pgbouncer, 8 callers", "webhook")
    readme_row("send, CGI", "send, CGI, 8 callers", "send")
    readme_row("send, CGI, TLS to Twilio", "send, CGI, TLS, 8 callers", "send TLS")
    readme_row("webhook, FastCGI, 16 callers", "webhook, FastCGI, 16 callers")
    readme_row("webhook, FastCGI, 64 callers", "webhook, FastCGI, 64 callers")
    readme_row("send, FastCGI, 256 callers", "send, FastCGI, 256 callers")
    readme_row("the same, Twilio takes 100 ms", "send, FastCGI, 100 ms, 256 callers")
    manual_row("webhook", "instructions, webhook")
    manual_row("send", "instructions, send")
    manual_row("send with TLS to Twilio", "instructions, send TLS")
    manual_row("send-whatsapp, a token to verify", "instructions, send-whatsapp")
    manual_words()
}
