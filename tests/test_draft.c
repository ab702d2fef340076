/* SPDX-License-Identifier: Apache-2.0
 *
 * Drafts: committed, through links, given up, abandoned by a process that ends, refused, on a file system that runs
 * full. */
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/draft.h"
#include "fixture.h"

static char *
new_folder (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("impasto-XXXXXX", &error);

  g_assert_no_error (error);
  return folder;
}

static void
test_draft_commit (void)
{
  g_autofree char *folder = new_folder (), *path = g_build_filename (folder, "a.png", NULL), *text = NULL;
  g_autoptr (GError) error = NULL;
  struct draft *draft;

  g_assert_true (g_file_set_contents (path, "old", -1, NULL));
  draft = draft_new (path, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (draft->path, ".png") && g_str_has_prefix (draft->path, folder));
  g_assert_true (draft_write (draft, "new text", 8, &error));
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "old");
  g_assert_true (draft_commit (draft, &error));
  draft_free (draft);
  g_free (text);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "new text");
  g_assert_cmpuint (count_files (folder), ==, 1);

  draft = draft_new (path, &error);
  g_assert_true (draft_write (draft, "x", 1, &error));
  draft_free (draft); /* not committed: nothing happened */
  g_free (text);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "new text");
  g_assert_cmpuint (count_files (folder), ==, 1);
  g_unlink (path);
  g_rmdir (folder);
}

/* Links stay, whether they lead to a file or not yet, to another folder and by way of another link. */
static void
test_draft_link (void)
{
  g_autofree char *folder = new_folder (), *other = new_folder (), *base = g_path_get_basename (other);
  g_autofree char *file = g_build_filename (other, "file.png", NULL), *made = g_build_filename (other, "made", NULL);
  g_autofree char *link = g_build_filename (folder, "link.png", NULL);
  g_autofree char *first = g_build_filename (folder, "first", NULL);
  g_autofree char *dangling = g_build_filename (folder, "dangling.png", NULL);
  g_autofree char *relative = g_build_filename ("..", base, "file.png", NULL);
  const char *const links[] = {first, dangling}, *const places[] = {file, made};

  g_assert_true (g_file_set_contents (file, "old", -1, NULL));
  g_assert_cmpint (symlink (relative, link), ==, 0);
  g_assert_cmpint (symlink ("link.png", first), ==, 0);
  g_assert_cmpint (symlink (made, dangling), ==, 0);
  for (size_t i = 0; i < G_N_ELEMENTS (links); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (draft) draft = draft_new (links[i], &error);
    g_autofree char *text = NULL;

    g_assert_no_error (error);
    g_assert_true (draft_write (draft, "new", 3, &error) && draft_commit (draft, &error));
    g_assert_true (g_file_test (links[i], G_FILE_TEST_IS_SYMLINK));
    g_assert_false (g_file_test (places[i], G_FILE_TEST_IS_SYMLINK));
    g_assert_true (g_file_get_contents (places[i], &text, NULL, NULL));
    g_assert_cmpstr (text, ==, "new");
  }
  g_assert_cmpuint (count_files (other), ==, 2);
  g_assert_true (g_unlink (link) == 0 && symlink ("first", link) == 0); /* in a circle */
  g_autoptr (GError) error = NULL;
  g_assert_null (draft_new (first, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT);
  g_assert_true (g_unlink (link) == 0 && g_unlink (first) == 0 && g_unlink (dangling) == 0);
  g_assert_true (g_unlink (file) == 0 && g_unlink (made) == 0 && g_rmdir (folder) == 0 && g_rmdir (other) == 0);
}

/* A process that is about to end leaves nothing half-written; what was finished before stays. */
static void
test_draft_abandoned (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("impasto-XXXXXX", NULL);
  g_autofree char *kept = g_build_filename (folder, "kept.png", NULL),
                  *half = g_build_filename (folder, "half.png", NULL);
  g_autoptr (draft) done = draft_new (kept, &error), going = draft_new (half, &error);
  g_assert_true (draft_write (done, "x", 1, &error) && draft_commit (done, &error) &&
                 draft_write (going, "x", 1, &error));
  g_assert_no_error (error);
  draft_abandon_all ();
  g_assert_false (g_file_test (going->path, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (kept, G_FILE_TEST_EXISTS));
  g_unlink (kept);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
test_draft_refusals (void)
{
  g_autofree char *folder = new_folder (), *missing = g_build_filename (folder, "no", "a.png", NULL);
  g_autofree char *pipe = g_build_filename (folder, "pipe", NULL);
  const char *targets[] = {missing, folder, pipe};
  struct stat info;

  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  for (size_t i = 0; i < G_N_ELEMENTS (targets); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *start = g_strdup_printf ("cannot write %s: ", targets[i]);

    g_assert_null (draft_new (targets[i], &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT);
    g_assert_true (g_str_has_prefix (error->message, start));
  }
  g_assert_true (g_stat (pipe, &info) == 0 && S_ISFIFO (info.st_mode));
  g_unlink (pipe);
  g_assert_cmpuint (count_files (folder), ==, 0);
  g_rmdir (folder);
}

/* A file that may not grow stands for a full disk: write fails half-way in the same manner. */
static void
test_draft_full (void)
{
  g_autofree char *folder = new_folder (), *path = g_build_filename (folder, "a", NULL), *data = g_malloc0 (1 << 16);
  g_autoptr (GError) error = NULL;
  struct rlimit before, small;
  struct draft *draft;
  bool written;

  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  small = (struct rlimit){.rlim_cur = 4096, .rlim_max = before.rlim_max};
  draft = draft_new (path, &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  written = draft_write (draft, data, 1 << 16, &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_false (written);
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT);
  draft_free (draft);
  g_assert_cmpuint (count_files (folder), ==, 0);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/draft/commit", test_draft_commit);
  g_test_add_func ("/draft/link", test_draft_link);
  g_test_add_func ("/draft/abandoned", test_draft_abandoned);
  g_test_add_func ("/draft/refusals", test_draft_refusals);
  g_test_add_func ("/draft/full", test_draft_full);
  return g_test_run ();
}
