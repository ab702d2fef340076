/* SPDX-License-Identifier: Apache-2.0
 *
 * Drafts on POSIX: mkstemp, write, fsync, rename, fsync of the folder. */
#include "base/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "impasto/error.h"

#define PREFIX ".impasto-"
#define RANDOM 6 /* characters behind it */
#define SUFFIX_MAX 16
#define LINKS_MAX 40                 /* one behind the other, as Linux follows them */
#define WRITE_MAX ((size_t) 1 << 30) /* bytes a call */
#define OPEN_MAX 64                  /* drafts at a time that can be abandoned; more are written all the same */

/* Names of the drafts there are, where a signal handler may read them. */
static struct {
  gint taken;            /* by a draft, which fills in the name next */
  volatile gint written; /* the name is whole */
  char path[PATH_MAX];
} names[OPEN_MAX];

static int
note_name (const char *path)
{
  for (int i = 0; i < OPEN_MAX; i++)
    if (g_atomic_int_compare_and_exchange (&names[i].taken, 0, 1)) {
      bool fits = g_strlcpy (names[i].path, path, PATH_MAX) < PATH_MAX;
      g_atomic_int_set (&names[i].written, fits);
      return i;
    }
  return -1;
}

static void
forget_name (int i)
{
  if (i < 0)
    return;
  g_atomic_int_set (&names[i].written, 0);
  g_atomic_int_set (&names[i].taken, 0);
}

void
draft_abandon_all (void)
{
  for (int i = 0; i < OPEN_MAX; i++)
    if (names[i].written)
      unlink (names[i].path);
}

static bool
fail (const struct draft *draft, int number, GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "cannot write %s: %s", draft->target, g_strerror (number));
  return false;
}

/* A device or pipe must not be replaced by a file. */
static bool
check_target (const char *target, GError **error)
{
  struct stat info;

  if (stat (target, &info) != 0 || S_ISREG (info.st_mode))
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "cannot write %s: it is %s, a file was expected", target,
               S_ISDIR (info.st_mode) ? "a folder" : "not a regular file");
  return false;
}

bool
draft_replaces (const char *target, const char *source)
{
  struct stat a, b;
  return stat (target, &a) == 0 && stat (source, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool
draft_is (const char *name)
{
  if (!g_str_has_prefix (name, PREFIX))
    return false;
  const char *random = name + strlen (PREFIX), *end = random;
  while (g_ascii_isalnum (*end))
    end++;
  return end - random == RANDOM && (*end == '\0' || *end == '.');
}

char *
draft_place (const char *target)
{
  char *place = g_strdup (target);
  for (int i = 0; i < LINKS_MAX; i++) {
    g_autofree char *link = g_file_read_link (place, NULL), *folder = g_path_get_dirname (place);
    if (link == NULL)
      return place;
    g_free (place);
    place = g_path_is_absolute (link) ? g_steal_pointer (&link) : g_build_filename (folder, link, NULL);
  }
  g_free (place);
  errno = ELOOP;
  return NULL;
}

/* Beside @place, hidden, with the suffix of the target: ".impasto-XXXXXX.png". */
static char *
temporary_path (const char *target, const char *place)
{
  g_autofree char *folder = g_path_get_dirname (place), *base = g_path_get_basename (target), *name = NULL;
  const char *suffix = strrchr (base, '.');

  if (suffix == NULL || strlen (suffix) > SUFFIX_MAX)
    suffix = "";
  name = g_strdup_printf (PREFIX "XXXXXX%s", suffix);
  return g_build_filename (folder, name, NULL);
}

struct draft *
draft_new (const char *target, GError **error)
{
  struct draft *draft;

  if (!check_target (target, error))
    return NULL;
  draft = g_new0 (struct draft, 1);
  draft->noted = -1;
  draft->fd = -1;
  draft->target = g_strdup (target);
  draft->place = draft_place (target);
  if (draft->place == NULL) {
    fail (draft, errno, error);
    g_clear_pointer (&draft, draft_free);
    return NULL;
  }
  draft->path = temporary_path (target, draft->place);
  draft->fd = g_mkstemp_full (draft->path, O_RDWR | O_CLOEXEC, 0666); /* less the user's umask */
  if (draft->fd < 0) {
    fail (draft, errno, error);
    g_clear_pointer (&draft->path, g_free); /* no file of ours to delete */
    g_clear_pointer (&draft, draft_free);
    return NULL;
  }
  draft->noted = note_name (draft->path);
  return draft;
}

bool
draft_write (struct draft *draft, const void *data, size_t size, GError **error)
{
  const char *at = data;

  while (size > 0) {
    ssize_t written = write (draft->fd, at, MIN (size, WRITE_MAX));

    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return fail (draft, errno, error);
    at += written;
    size -= (size_t) written;
  }
  return true;
}

/* After the rename, so that the new name survives a crash too; not every file system can do it. */
static void
sync_folder (const char *target)
{
  g_autofree char *folder = g_path_get_dirname (target);
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return;
  fsync (fd);
  close (fd);
}

bool
draft_commit (struct draft *draft, GError **error)
{
  int fd = draft->fd;

  if (fsync (fd) != 0 && errno != EINVAL && errno != EROFS)
    return fail (draft, errno, error);
  draft->fd = -1;
  if (close (fd) != 0 && errno != EINTR)
    return fail (draft, errno, error);
  if (g_rename (draft->path, draft->place) != 0)
    return fail (draft, errno, error);
  g_clear_pointer (&draft->path, g_free);
  forget_name (draft->noted);
  draft->noted = -1;
  sync_folder (draft->place);
  return true;
}

void
draft_free (struct draft *draft)
{
  if (draft == NULL)
    return;
  if (draft->fd >= 0)
    close (draft->fd);
  if (draft->path != NULL)
    g_unlink (draft->path);
  forget_name (draft->noted);
  g_free (draft->path);
  g_free (draft->place);
  g_free (draft->target);
  g_free (draft);
}
