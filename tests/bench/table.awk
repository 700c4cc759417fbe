# Each line of the results with all its programs.

function print_requests(    l, p, line, label, bench, memory) {
    print "| | requests/s | p50 ms | p99 ms | CPU ms: program | nginx | PostgreSQL | MiB |" \
        " ours to this: requests/s | p99 | CPU | PostgreSQL |"
    print "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for (l = 1; l <= n_lines; l++) {
        line = line_order[l]
        if (line ~ /^(memory|instructions|program)/) continue
        printf "| **%s** | | | | | | | | | | | |\n", line
        for (p = 1; p <= n_labels[line]; p++) {
            label = label_order[line, p]
            bench = figure(line, label, "statements") != ""
            memory = figure(line, label, "pss")
            printf "| %s | %s | %s | %s | %s | %s | %.3f | %s |", (label == "ours" ? "twilio-cgi" : label),
                counted(figure(line, label, "rate")), shown("%.2f", figure(line, label, "p50")),
                shown("%.2f", figure(line, label, "p99")),
                (bench ? "" : shown("%.3f", figure(line, label, "program"))),
                (bench ? "" : shown("%.3f", figure(line, label, "nginx"))),
                figure(line, label, "database"), (memory > 0 ? sprintf("%.1f", memory / 1024) : "")
            if (label == "ours")
                print " | | | |"
            else
                printf " %s | %s | %s | %s |\n", with_range(line, label, "rate"),
                    with_range(line, label, "p99"), with_range(line, label, "cpu"),
                    with_range(line, label, "database")
        }
    }
}

function print_memory(    l, p, line, label, head) {
    for (l = 1; l <= n_lines; l++) {
        line = line_order[l]
        if (line !~ /^memory/) continue
        if (!head++) print "\n| | after so many requests | MiB |\n|---|---:|---:|"
        for (p = 1; p <= n_labels[line]; p++) {
            label = label_order[line, p]
            printf "| %s | %s%s | %.1f |\n", line, (label == "then" ? "and " : ""),
                counted(figure(line, label, "ok")), figure(line, label, "pss") / 1024
        }
    }
}

function print_instructions(    l, p, line, label, head) {
    for (l = 1; l <= n_lines; l++) {
        line = line_order[l]
        if (line !~ /^instructions/) continue
        if (!head++) print "\n| one CGI request | millions of instructions | peak MiB |\n|---|---:|---:|"
        for (p = 1; p <= n_labels[line]; p++) {
            label = label_order[line, p]
            printf "| %s, %s | %.2f | %.1f |\n", substr(line, 15), (label == "ours" ? "twilio-cgi" : label),
                figure(line, label, "instructions"), figure(line, label, "peak")
        }
    }
}

function print_programs(    l, p, line, label, head) {
    for (l = 1; l <= n_lines; l++) {
        line = line_order[l]
        if (line !~ /^program/) continue
        if (!head++) print "\n| program | code and data KiB | shared libraries |\n|---|---:|---:|"
        for (p = 1; p <= n_labels[line]; p++) {
            label = label_order[line, p]
            printf "| %s, %s | %s | %d |\n", substr(line, 10), (label == "ours" ? "twilio-cgi" : label),
                counted(figure(line, label, "size") / 1024), figure(line, label, "libraries")
        }
    }
}

END {
    print_requests()
    print_memory()
    print_instructions()
    print_programs()
}
