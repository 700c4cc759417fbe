# What run.sh measured, read, and what the tables ask of it. A line of its results:
#
#   LINE|LABEL|ROUND|NAME=VALUE NAME=VALUE...
#
# figure(line, label, name)      the median of the rounds; "" where it was not measured
# ratio(line, label, name)       ours to that label's: the median of the rounds' ratios
# ratio_of(line, other, label, name)      another's to that label's
# with_range(line, label, name)           ours, for people: "0.97 [0.93–1.02]"

function sort(list, n,    i, j, t) {
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && list[j - 1] > list[j]; j--) {
            t = list[j]; list[j] = list[j - 1]; list[j - 1] = t
        }
}

function median(list, n) {
    sort(list, n)
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

function figure(line, label, name,    r, n, list) {
    for (r = 1; r <= rounds; r++)
        if ((line, label, r, name) in value)
            list[++n] = value[line, label, r, name]
    return n ? median(list, n) : ""
}

# Also sets ratio_least and ratio_most.
function ratio_of(line, other, label, name,    r, n, list, middle) {
    for (r = 1; r <= rounds; r++)
        if ((line, other, r, name) in value && value[line, label, r, name] > 0)
            list[++n] = value[line, other, r, name] / value[line, label, r, name]
    if (!n) return ""
    middle = median(list, n)
    ratio_least = list[1]
    ratio_most = list[n]
    return middle
}

function ratio(line, label, name) { return ratio_of(line, "ours", label, name) }

function with_range(line, label, name,    middle) {
    middle = ratio(line, label, name)
    return middle == "" ? "" : sprintf("%.2f [%.2f–%.2f]", middle, ratio_least, ratio_most)
}

function shown(format, number) { return number == "" ? "" : sprintf(format, number) }

# Ten thousands apart: 12,345
function counted(number,    digits) {
    if (number == "") return ""
    digits = sprintf("%.0f", number)
    while (match(digits, /[0-9][0-9][0-9][0-9]($|,)/))
        digits = substr(digits, 1, RSTART) "," substr(digits, RSTART + 1)
    return digits
}

{
    split($0, part, "|")
    line = part[1]; label = part[2]; round = part[3]
    if (!(line in lines)) { lines[line]; line_order[++n_lines] = line }
    if (!((line, label) in labels)) {
        labels[line, label]
        label_order[line, ++n_labels[line]] = label
    }
    if (round + 0 > rounds) rounds = round + 0
    n = split(part[4], pair, " ")
    for (i = 1; i <= n; i++) {
        split(pair[i], word, "=")
        value[line, label, round, word[1]] = word[2]
    }
    if ((line, label, round, "postgres") in value) {
        value[line, label, round, "database"] = value[line, label, round, "postgres"] + \
            value[line, label, round, "bouncer"]
        value[line, label, round, "cpu"] = value[line, label, round, "program"] + \
            value[line, label, round, "nginx"] + value[line, label, round, "database"]
    }
}
