#include "linkage.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define NAME_MAX_LENGTH    128
#define VERSION_MAX_LENGTH 128

/** Where a text's first character stands among others: '~' before the end, letters before all that
 * is none. */
static int order_of(struct text text)
{
    if (text.n == 0)
        return 0;
    char c = *text.s;
    if (c == '~')
        return -1;
    if (isdigit((unsigned char)c))
        return 0;
    return isalpha((unsigned char)c) ? c : c + 256;
}

static size_t count_digits(struct text text)
{
    size_t n = 0;

    while (n < text.n && isdigit((unsigned char)text.s[n]))
        n++;
    return n;
}

static struct text skip(struct text text, size_t n)
{
    return (struct text){text.s + n, text.n - n};
}

/** Take a number off both and compare the two. */
static int compare_numbers(struct text *a, struct text *b)
{
    while (a->n && *a->s == '0')
        *a = skip(*a, 1);
    while (b->n && *b->s == '0')
        *b = skip(*b, 1);
    size_t x = count_digits(*a), y = count_digits(*b);
    int order = x != y || x == 0 ? (x > y) - (x < y) : memcmp(a->s, b->s, x);

    *a = skip(*a, x);
    *b = skip(*b, y);
    return order;
}

/** Take off both what comes before their next number and compare that. */
static int compare_words(struct text *a, struct text *b)
{
    while ((a->n && !isdigit((unsigned char)*a->s)) || (b->n && !isdigit((unsigned char)*b->s))) {
        int order = order_of(*a) - order_of(*b);
        if (order)
            return order;
        *a = skip(*a, a->n > 0);
        *b = skip(*b, b->n > 0);
    }
    return 0;
}

static int compare_part(struct text a, struct text b)
{
    int order = 0;

    while (!order && (a.n || b.n)) {
        order = compare_words(&a, &b);
        if (!order)
            order = compare_numbers(&a, &b);
    }
    return order;
}

/** [epoch:]upstream[-revision] */
struct version {
    struct text epoch, upstream, revision;
};

static struct version split(const char *whole)
{
    struct version version = {TEXT(""), text_of(whole), TEXT("")};
    const char *colon = strchr(whole, ':'), *dash = strrchr(whole, '-');

    if (dash) {
        version.revision = text_of(dash + 1);
        version.upstream.n = (size_t)(dash - whole);
    }
    if (colon) {
        version.epoch = (struct text){whole, (size_t)(colon - whole)};
        version.upstream = skip(version.upstream, version.epoch.n + 1);
    }
    return version;
}

int linkage_compare(const char *a, const char *b)
{
    struct version x = split(a), y = split(b);
    int order = compare_part(x.epoch, y.epoch);

    if (!order)
        order = compare_part(x.upstream, y.upstream);
    if (!order)
        order = compare_part(x.revision, y.revision);
    return (order > 0) - (order < 0);
}

/** The next "name=version" of a list; false at its end. */
static bool next_package(const char **packages, char name[static NAME_MAX_LENGTH],
                         char version[static VERSION_MAX_LENGTH])
{
    size_t length = strcspn(*packages, " "), n = strcspn(*packages, "= ");
    bool good =
        length > 0 && n < length && n < NAME_MAX_LENGTH && length - n - 1 < VERSION_MAX_LENGTH;

    if (good) {
        memcpy(name, *packages, n);
        name[n] = '\0';
        memcpy(version, *packages + n + 1, length - n - 1);
        version[length - n - 1] = '\0';
    }
    *packages += length + ((*packages)[length] == ' ');
    return good;
}

void linkage_print(const char *packages)
{
    char name[NAME_MAX_LENGTH], version[VERSION_MAX_LENGTH];
    const char *separator = "";

    while (packages && next_package(&packages, name, version)) {
        printf("%s%s %s", separator, name, version);
        separator = ", ";
    }
    puts(*separator ? "" : "nothing, the libraries are shared");
}

/** dpkg's record of one package; false where it is not installed. */
static bool find_installed(FILE *status, const char *name, char version[static VERSION_MAX_LENGTH])
{
    char line[512];
    bool in = false, installed = false;

    rewind(status);
    while (fgets(line, sizeof(line), status)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "Package: ", 9) == 0) {
            in = strcmp(line + 9, name) == 0;
            installed = false;
        } else if (in && strncmp(line, "Status: ", 8) == 0) {
            installed = strstr(line, " installed") != NULL;
        } else if (in && installed && strncmp(line, "Version: ", 9) == 0) {
            line[9 + VERSION_MAX_LENGTH - 1] = '\0';
            memcpy(version, line + 9, VERSION_MAX_LENGTH);
            return true;
        }
    }
    return false;
}

bool linkage_check(const char *packages, const char *status_file)
{
    char name[NAME_MAX_LENGTH], built[VERSION_MAX_LENGTH], installed[VERSION_MAX_LENGTH];
    FILE *status = packages && *packages ? fopen(status_file, "re") : NULL;
    bool newest = true;

    if (packages && *packages) {
        printf("%-30s ", "built in");
        linkage_print(packages);
    }
    while (status && next_package(&packages, name, built))
        if (find_installed(status, name, installed) && linkage_compare(installed, built) > 0) {
            printf(
                "%-30s %s %s is installed, newer than what is built in: build the programs again\n",
                "built in", name, installed);
            newest = false;
        }
    if (status)
        fclose(status);
    return newest;
}
