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
    print ""
    print "| memory | MiB |"
    print "|---|---:|"
    for (l = 1; l <= n_lines; l++) {
        line = line_order[l]
        if (line !~ /^memory/) continue
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
