# The figures of run.sh as tables in Markdown: medians, and ratios of ours to each floor.

function median(list, n,    i, j, t) {
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && list[j - 1] > list[j]; j--) {
            t = list[j]; list[j] = list[j - 1]; list[j - 1] = t
        }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

function figure(line, program, name,    r, n, list) {
    for (r = 1; r <= rounds; r++)
        if ((line, program, r, name) in value)
            list[++n] = value[line, program, r, name]
    return n ? median(list, n) : ""
}

# The median of the rounds' ratios.
function ratio(line, program, name,    r, n, list, other) {
    for (r = 1; r <= rounds; r++) {
        other = value[line, program, r, name]
        if ((line, "ours", r, name) in value && other > 0)
            list[++n] = value[line, "ours", r, name] / other
    }
    return n ? median(list, n) : ""
}

function shown(format, number) { return number == "" ? "" : sprintf(format, number) }

{
    split($0, part, "|")
    line = part[1]; program = part[2]; round = part[3]
    if (!(line in lines)) { lines[line]; line_order[++n_lines] = line }
    if (!((line, program) in programs)) {
        programs[line, program]
        program_order[line, ++n_programs[line]] = program
    }
    if (round + 0 > rounds) rounds = round + 0
    n = split(part[4], pair, " ")
    for (i = 1; i <= n; i++) {
        split(pair[i], word, "=")
        value[line, program, round, word[1]] = word[2]
    }
    value[line, program, round, "cpu"] = value[line, program, round, "program"] + \
        value[line, program, round, "nginx"] + value[line, program, round, "postgres"] + \
        value[line, program, round, "bouncer"]
}

function print_memory(    l, p, line, program, peak) {
    for (l = 1; l <= n_lines; l++) {
        line = line_order[l]
        if (line !~ /^memory/) continue
        if (!memory_head++) print "\n| memory | MiB |\n|---|---:|"
        for (p = 1; p <= n_programs[line]; p++) {
            program = program_order[line, p]
            peak = figure(line, program, "peak")
            if (peak != "")
                printf "| %s: %s, peak resident | %.1f |\n", line, program, peak / 1024
            else
                printf "| %s: after %d more requests | %.1f |\n", line, figure(line, program, "ok"),
                    figure(line, program, "pss") / 1024
        }
    }
}

# One aim: what is wanted and what came of it; nothing where it was not measured.
function aim(what, at_least, limit, got) {
    if (got == "") return
    if (!aims_head++) print "\n| aim | wanted | measured | |\n|---|---:|---:|---|"
    printf "| %s | %s %s | %.2f | %s |\n", what, (at_least ? "≥" : "≤"), limit, got,
        ((at_least ? got >= limit : got <= limit) ? "yes" : "no")
}

function aim_ratio(line, program, name, at_least, limit) {
    aim(line ": " (name == "rate" ? "requests/s" : name) ", of " program, at_least, limit,
        ratio(line, program, name))
}

function aim_figure(line, what, name, at_least, limit, scale,    got) {
    got = figure(line, "ours", name)
    aim(line ": " what, at_least, limit, (got == "" ? "" : got / scale))
}

function aim_peak(line, program, limit,    got) {
    got = figure(line, program, "peak")
    aim(line ": peak MiB", 0, limit, (got == "" ? "" : got / 1024))
}

function aim_flat(line,    before, after) {
    before = figure(line, "first", "pss")
    after = figure(line, "then", "pss")
    aim(line ": ten times as many requests, to the first", 0, 1.1, (before > 0 ? after / before : ""))
}

function print_aims() {
    aim_ratio("webhook, CGI, 8 callers", "minimal CGI, libpq", "rate", 1, 0.95)
    aim_ratio("webhook, CGI, pgbouncer, 8 callers", "minimal CGI, libpq", "rate", 1, 0.95)
    aim_ratio("send, CGI, 8 callers", "minimal CGI, libpq and libcurl", "rate", 1, 0.95)
    aim_ratio("send, CGI, TLS, 8 callers", "minimal CGI, libpq and libcurl", "rate", 1, 0.95)
    aim_ratio("webhook, FastCGI, 16 callers", "minimal FastCGI, libpq", "rate", 1, 0.95)
    aim_ratio("webhook, FastCGI, 16 callers", "pgbench -M prepared", "rate", 1, 0.5)
    aim_figure("webhook, FastCGI, 16 callers", "own CPU ms", "program", 0, 0.06, 1)
    aim_figure("webhook, FastCGI, 1,000 a second", "p50 ms", "p50", 0, 0.6, 1)
    aim_ratio("webhook, FastCGI, 1,000 a second", "pgbench -M prepared", "p99", 0, 1.2)
    aim_figure("send, FastCGI, 256 callers", "requests/s", "rate", 1, 4000, 1)
    aim_ratio("send, FastCGI, 256 callers", "minimal FastCGI, libpq and libcurl", "rate", 1, 0.85)
    aim_figure("send, FastCGI, 100 ms, 256 callers", "requests/s", "rate", 1, 2000, 1)
    aim_figure("send, FastCGI, 100 ms, 256 callers", "database connections", "connections", 0, 16, 1)
    aim_figure("send, FastCGI, 100 ms, 256 callers", "MiB in all processes", "pss", 0, 40, 1024)
    aim_ratio("send-whatsapp, FastCGI, 64 callers", "send-twilio-message, SMS", "cpu", 0, 1.4)
    aim_ratio("send-whatsapp, CGI, 8 callers", "send-twilio-message, SMS", "cpu", 0, 1.4)
    aim_peak("memory, CGI, webhook", "twilio-delivery-status", 9)
    aim_peak("memory, CGI, send, plain", "send-twilio-message", 16)
    aim_peak("memory, CGI, send, tls", "send-twilio-message", 16)
    aim_flat("memory, FastCGI, webhook")
    aim_flat("memory, FastCGI, sms")
    aim_ratio("webhook, FastCGI, 1,000,000 rows", "10,000 rows", "cpu", 0, 1.3)
    aim_ratio("send, FastCGI, 1,000,000 rows", "10,000 rows", "cpu", 0, 1.3)
}

END {
    print "| | requests/s | p50 ms | p99 ms | CPU ms: program | nginx | PostgreSQL | memory MiB | ours to this: requests/s | p99 | CPU |"
    print "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for (l = 1; l <= n_lines; l++) {
        line = line_order[l]
        if (line ~ /^memory/) continue
        printf "| **%s** | | | | | | | | | | |\n", line
        for (p = 1; p <= n_programs[line]; p++) {
            program = program_order[line, p]
            bench = program ~ /^pgbench/
            memory = figure(line, program, "pss")
            database = figure(line, program, "postgres") + figure(line, program, "bouncer")
            printf "| %s | %s | %s | %s | %s | %s | %.3f | %s |", (program == "ours" ? "twilio-cgi" : program),
                shown("%.0f", figure(line, program, "rate")), shown("%.2f", figure(line, program, "p50")),
                shown("%.2f", figure(line, program, "p99")),
                (bench ? "" : shown("%.3f", figure(line, program, "program"))),
                (bench ? "" : shown("%.3f", figure(line, program, "nginx"))),
                database, (memory > 0 ? sprintf("%.1f", memory / 1024) : "")
            if (program == "ours")
                print " | | |"
            else
                printf " %s | %s | %s |\n", shown("%.2f", ratio(line, program, "rate")),
                    shown("%.2f", ratio(line, program, "p99")), shown("%.2f", ratio(line, program, "cpu"))
        }
    }
    print_memory()
    print_aims()
}
