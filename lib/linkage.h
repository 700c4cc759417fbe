/**
 * What was linked into a program and so no longer follows the system's updates (see LEAN in
 * lean.cmake).
 *
 * A program knows it as the Debian packages that bring the same libraries to everybody else:
 * "libpq5=15.20-0+deb12u1 libssl3=3.0.19-1", versions as they were where it was built. Empty or
 * NULL: nothing was linked in, or nobody knows what.
 */
#ifndef LINKAGE_H
#define LINKAGE_H

#include <stdbool.h>

/* Set by the build, for each program. */
#ifndef LINKED_PACKAGES
#define LINKED_PACKAGES ""
#endif

/* What dpkg knows of this system: deb822 paragraphs, read by everybody. */
#define LINKAGE_STATUS "/var/lib/dpkg/status"

/** The packages as one line of text, "libpq5 15.20-0+deb12u1, libssl3 3.0.19-1", or that there are
 * none, on standard output. */
void linkage_print(const char *packages);

/**
 * For --check: a line for what is built in, and one for each package that this system has in a
 * newer version: the programs lack its mends until they are built again. Silent about what dpkg
 * does not know. False where a newer one was found.
 */
bool linkage_check(const char *packages, const char *status_file);

/** Of two versions of Debian packages (deb-version(7)): below, at or above 0. */
int linkage_compare(const char *a, const char *b);

#endif
