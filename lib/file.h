/**
 * Whole files: read up to a limit, replaced in one step.
 */
#ifndef FILE_H
#define FILE_H

#include <sys/stat.h>

#include "arena.h"
#include "fault.h"

/** Closes a file descriptor when the variable goes out of scope; initialise it. Below 0: none. */
void file_close(const int *fd);
#define file_scoped __attribute__((cleanup(file_close)))

/**
 * Read a file to its end, whatever its size is said to be. *ret_status is its state the moment
 * before, so that what is written meanwhile makes it differ afterwards; it is filled also where the
 * file was there and is no good.
 *
 * Fails with FAULT_MISCONFIGURED where it cannot be read, is no regular file or has more than `max`
 * bytes, with FAULT_INTERNAL for want of memory. The detail begins with `what`, the file's part in
 * the sentence: "key set".
 */
must_check bool file_read(const char *what, const char *path, size_t max, struct arena *arena,
                          struct stat *ret_status, struct text *ret_content, struct fault *reterr);

/** Write all of it; false with errno. */
must_check bool file_write_all(int fd, struct text content);

/** Flush a directory to the disk; false with errno. */
must_check bool file_flush_directory(int fd);

/**
 * Replace a file, or make it: whoever reads sees the old content or the new one, whole, and so does
 * who comes after a crash. It gets `mode` whatever the umask says; a symbolic link stays and leads
 * to the new one. Two at once: one of them is last. What is no file (/dev/null, a pipe) is not
 * replaced. Fails with FAULT_MISCONFIGURED, and then the old file is untouched.
 */
must_check bool file_replace(const char *path, struct text content, mode_t mode,
                             struct fault *reterr);

#endif
