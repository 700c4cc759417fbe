# What is wanted, and what came of it: a ratio by its median, its range behind it. Nothing where it was not
# measured. Beside an aim that was missed what a program reaches that does less, where there is one, and what
# any program could at most, as so many callers wait so long for each answer.

function aim(what, at_least, limit, got, range, best) {
    if (got == "") return
    if (!aims_head++) print "\n| aim | wanted | measured | |\n|---|---:|---:|---|"
    printf "| %s | %s %s | %s | %s |\n", what, (at_least ? "≥" : "≤"), limit,
        (range == "" ? sprintf("%.2f", got) : range),
        ((at_least ? got >= limit : got <= limit) ? "yes" : best == "" ? "no" : "no (" best ")")
}

function aim_ratio(line, label, name, at_least, limit, lesser, most,    best, of) {
    if (lesser != "" && figure(line, lesser, name) != "")
        best = lesser ": " sprintf("%.2f", ratio_of(line, lesser, label, name))
    of = figure(line, label, name)
    if (most && of > 0) best = best (best == "" ? "" : "; ") "at most, by any program: " sprintf("%.2f", most / of)
    aim(line ": " (name == "rate" ? "requests/s" : name == "database" ? "PostgreSQL's CPU" : name) ", of " label,
        at_least, limit, ratio(line, label, name), with_range(line, label, name), best)
}

function aim_figure(line, what, name, at_least, limit, scale,    got) {
    got = figure(line, "ours", name)
    aim(line ": " what, at_least, limit, (got == "" ? "" : got / scale))
}

function aim_flat(line,    before, after) {
    before = figure(line, "first", "pss")
    after = figure(line, "then", "pss")
    aim(line ": ten times as many requests, to the first", 0, 1.1, (before > 0 ? after / before : ""))
}

function aim_instructions(what, limit, peak) {
    aim_figure("instructions, " what, "millions", "instructions", 0, limit, 1)
    aim_figure("instructions, " what, "peak MiB", "peak", 0, peak, 1)
}

END {
    # Lean programs
    aim_ratio("webhook, CGI, pgbouncer, 8 callers", "minimal, libpq", "rate", 1, 2.5, "minimal, lean")
    aim_ratio("webhook, CGI, pgbouncer, 8 callers", "minimal, lean", "rate", 1, 0.85)
    aim_instructions("webhook", 1.5, 4)
    aim_instructions("send", 4, 7)
    aim_instructions("send TLS", 20, 7)

    # Callbacks that arrive together
    aim_ratio("webhook, FastCGI, 16 callers", "pgbench -M prepared", "rate", 1, 1.2, "limit, records nothing")
    aim_ratio("webhook, FastCGI, 64 callers", "pgbench -M prepared, 16 clients", "rate", 1, 1.2)
    aim_ratio("webhook, FastCGI, 16 callers", "Node, its own SQL", "rate", 1, 5, "limit, records nothing")
    aim_ratio("webhook, FastCGI, 64 callers", "Node, its own SQL", "rate", 1, 5)
    aim_ratio("webhook, FastCGI, 16 callers", "Node, the same contract", "rate", 1, 5, "limit, records nothing")
    aim_ratio("webhook, FastCGI, 1,000 a second", "before", "p99", 0, 1)
    aim_ratio("webhook, FastCGI, 1 caller", "before", "p50", 0, 1)

    # PostgreSQL's part
    aim_ratio("callback, its SQL alone, 4 clients", "before", "database", 0, 0.7)
    aim_ratio("webhook, FastCGI, 16 callers", "before", "database", 0, 0.7)
    aim_ratio("send, its SQL alone, 4 clients", "before", "database", 0, 0.8)
    aim_ratio("send, FastCGI, 256 callers", "before", "database", 0, 0.8)

    # Sending
    aim_ratio("send, FastCGI, 100 ms, 256 callers", "minimal FastCGI, libpq and libcurl", "rate", 1, 1)
    aim_ratio("send, FastCGI, 100 ms, 256 callers", "Node, plain send", "rate", 1, 2,
        "minimal FastCGI, libpq and libcurl", 256 / 0.1)
    aim_figure("send, FastCGI, 100 ms, 256 callers", "MiB in all processes", "pss", 0, 40, 1024)
    aim_figure("send, FastCGI, 100 ms, 256 callers", "database connections", "connections", 0, 16, 1)
    aim_ratio("send-whatsapp, FastCGI, 64 callers", "send-twilio-message, SMS", "cpu", 0, 1.4)
    aim_ratio("send-whatsapp, CGI, 8 callers", "send-twilio-message, SMS", "cpu", 0, 1.4)

    # What stays as it is, however much is stored or served
    aim_flat("memory, FastCGI, webhook")
    aim_flat("memory, FastCGI, send")
    aim_ratio("webhook, FastCGI, 1,000,000 rows", "10,000 rows", "cpu", 0, 1.3)
    aim_ratio("send, FastCGI, 1,000,000 rows", "10,000 rows", "cpu", 0, 1.3)
}
