/**
 * The spool's directory as it lies on the disk: whose it must be, its folders, and what the names
 * in it say. For the spool's own modules.
 */
#ifndef SPOOL_FOLDER_H
#define SPOOL_FOLDER_H

#include <dirent.h>
#include <sys/stat.h>

#include "spool.h"

#define SPOOL_CLAIMED        "claimed"
#define SPOOL_BAD            "bad"
#define SPOOL_EVENT_END      ".json"
#define SPOOL_SETTLEMENT_END ".settlement.json"

/** The spool's directory, made where it is missing and `make` says so; -1 with errno. */
int spool_folder_open(const struct spool *spool, bool make);

/** A folder of it, made where it is missing; -1 with errno. */
int spool_folder_below(int dir, const char *name);

/** What is in a folder ("." is the directory itself); NULL with errno. Closed by its scope. */
DIR *spool_folder_list(int dir, const char *below);
void spool_folder_close(DIR **dir);
#define spool_folder_scoped __attribute__((cleanup(spool_folder_close)))

/** What others may have put there is not replayed, and nothing is entrusted to them. */
bool spool_folder_is_ours(const struct stat *status);

/** What root makes belongs to the directory's owner, who could not touch it otherwise. */
bool spool_folder_give(int dir, int fd);

/** Is it the name of a file that waits? And of one of that choice? */
bool spool_folder_is_waiting(const char *name);
bool spool_folder_is_chosen(const struct spool *spool, const struct spool_choice *choice,
                            const char *name);

#endif
