/* SPDX-License-Identifier: Apache-2.0
 *
 * Drafts: a file is written beside its target under a temporary name and takes the target's name only when it is
 * complete and on disk, so nobody ever meets a half-written file: not after an error, a full disk or a crash.
 *
 *     g_autoptr (draft) draft = draft_new (path, error);
 *     if (draft == NULL || !draft_write (draft, data, size, error) || !draft_commit (draft, error))
 *       return false;
 *
 * A library that wants a file name writes to draft->path; it ends like the target (".png"). Any number of threads, each
 * with drafts of its own. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct draft draft;

struct draft {
  char *target; /* where the file shall be */
  char *place;  /* the same, or where the link of that name leads */
  char *path;   /* where it is meanwhile */
  int fd;       /* open for writing, and reading what was written */
  int noted;    /* for draft_abandon_all */
};

/* A link stays one: the file that it leads to is written, or made. IMPASTO_ERROR_OUTPUT: the folder is missing or not
 * writable, @target exists and is not a regular file, or is a link in a circle. */
struct draft *draft_new (const char *target, GError **error);

/* Appends to the file. */
bool draft_write (struct draft *draft, const void *data, size_t size, GError **error);

/* Flushes the file to disk and gives it the target's name. */
bool draft_commit (struct draft *draft, GError **error);

/* The name of the file that is written for @target: itself, or where its links lead, whether there is a file or not; a
 * new string. NULL with errno: too many of them. */
char *draft_place (const char *target);

/* Whether @target and @source are there and one file, by whatever names: what is written to the one replaces the
 * other. */
bool draft_replaces (const char *target, const char *source);

/* Whether @name, without folders, is a draft's: of one that nobody writes any more, it may be deleted. */
bool draft_is (const char *name);

/* Deletes the files of all drafts there are, whoever writes them, for a process that is about to end: called from
 * signal handlers, too. */
void draft_abandon_all (void);

/* Deletes the file unless it was committed. */
void draft_free (struct draft *draft);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (draft, draft_free)
