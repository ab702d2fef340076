/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run survives, whatever its recipe: killed at any moment it goes on to the bits of one that was not; data or a
 * recipe that have changed meanwhile are noticed. A child process is this program again. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "train/inventory.h"
#include "train/origin.h"
#include "train_fixture.h"
#include "waves.h"

#define STEPS 5

/* Tiny runs with much state: two networks, their optimisers, averages, and of gan the vectors of spectral normalisation
 * and a probability that adapts. */

static void
begin_style (struct job *job, const char *runs)
{
  job_init (job, runs, STEPS, true);
  job_set (job, "brush", "no");
  job_set (job, "save-every", "1");
}

static void
begin_gan (struct job *job, const char *runs)
{
  static const char *const settings[][2] = {
    {"preset", "noise-gan-28"}, {"width", "0.03"},   {"latent", "6"},       {"batch", "4"},
    {"loss", "hinge"},          {"r1", "1"},         {"r1-every", "2"},     {"spectral", "yes"},
    {"judge-steps", "2"},       {"color", "yes"},    {"dropout", "0.3"},    {"augment-target", "0.6"},
    {"optimizer", "rmsprop"},   {"save-every", "1"}, {"translation", "yes"}, {"warm-up", "3"}};
  job_new (job, &recipe_gan, runs, STEPS);
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    job_set (job, settings[i][0], settings[i][1]);
}

static const struct kind {
  const char *name;
  void (*begin) (struct job *job, const char *runs);
  int kills;
} kinds[] = {{"style", begin_style, 1}, {"gan", begin_gan, 3}};

/* Kills */

static gpointer
kill_soon (gpointer data)
{
  g_usleep (GPOINTER_TO_UINT (data));
  kill (getpid (), SIGKILL);
  return NULL;
}

static int kill_at;
static guint kill_delay;

static void
kill_on_step (const struct train_progress *progress)
{
  if (progress->step == kill_at)
    g_thread_unref (g_thread_new ("kill", kill_soon, GUINT_TO_POINTER (kill_delay)));
}

/* In a child: trains until the killing thread it starts has its way. */
static void
child_killed (void)
{
  struct job job;
  struct watch watch = {.each = kill_on_step};
  g_auto (GStrv) how = g_strsplit (g_getenv ("TEST_RESUME_KILL"), ",", 3);

  kill_at = atoi (how[1]);
  kill_delay = (guint) atoi (how[2]);
  kinds[atoi (how[0])].begin (&job, kinds[atoi (how[0])].name);
  run_whole (&job, &watch);
  g_usleep (G_USEC_PER_SEC); /* killed by now */
}

static void
test_killed (gconstpointer data)
{
  int k = GPOINTER_TO_INT (data);
  const struct kind *kind = &kinds[k];
  struct job whole;
  struct watch all = {0};

  kind->begin (&whole, "whole");
  run_whole (&whole, &all);
  for (int i = 0; i < kind->kills; i++) {
    int step = g_test_rand_int_range (2, STEPS), delay = i == 1 ? 0 : g_test_rand_int_range (0, 100000);
    g_autofree char *how = g_strdup_printf ("%d,%d,%d", k, step, delay), *runs = file (kind->name), *killed = NULL;
    struct job job;
    struct watch rest = {0};

    g_test_message ("%s killed %s (kind, step, microseconds)", kind->name, how);
    g_setenv ("TEST_RESUME_KILL", how, TRUE);
    g_test_trap_subprocess ("/resume/child/killed/subprocess", 0, 0);
    g_assert_false (g_test_trap_has_passed ());
    killed = g_strdup_printf ("%s/%05d-%s", runs, i + 1, kind->name);
    g_assert_false (there (killed, "result.safetensors") && delay == 0);
    kind->begin (&job, kind->name);
    job_set (&job, "resume", killed);
    run_whole (&job, &rest);
    same_run (all.folder, killed, STEPS);
    watch_clear (&rest);
    job_clear (&job);
  }
  watch_clear (&all);
  job_clear (&whole);
}

/* Changes */

/* A picture that comes and another setting are noticed and told, and the run goes on when its user says so: once, then
 * these are its data and its recipe. Of a run without inputs the settings are the kept ones in any case. */
static void
test_changed_data (gconstpointer data)
{
  const struct kind *kind = &kinds[GPOINTER_TO_INT (data)];
  g_autofree char *name = g_strdup_printf ("data-%s", kind->name), *place = file (name), *added = NULL, *line = NULL;
  struct job job;
  struct watch first = {0}, second = {0}, rest = {0};

  g_assert_cmpint (g_mkdir (place, 0700), ==, 0);
  for (int i = 0; i < 3; i++) {
    g_autofree char *picture = g_strdup_printf ("%s/%d.png", name, i);
    g_free (save_waves (picture, 90, 80, i));
  }
  kind->begin (&job, "changed");
  job_set (&job, kind->begin == begin_gan ? "data" : "photos", place);
  run_until (&job, &first, 2);
  g_assert_true (there (first.folder, INVENTORY_FILE));
  job_set (&job, "resume", first.folder);

  added = g_strdup_printf ("%s/new.png", name);
  g_free (save_waves (added, 90, 80, 9));
  line = g_strdup_printf ("the data have changed: 1 file has come (%s/new.png); --accept-changes", place);
  check_fails (&job, IMPASTO_ERROR_USAGE, line);
  job_set (&job, "accept-changes", "yes");
  job_set (&job, "rate", "1e-08");
  run_until (&job, &second, 3);
  g_assert_nonnull (strstr (second.messages->str, "new.png"));
  if (job.inputs[0])
    g_assert_nonnull (strstr (second.messages->str, "the recipe has changed: was \"rate\" : 0.00"));
  job_set (&job, "accept-changes", "no");
  for (int i = 0; i < 2; i++)
    g_clear_pointer (&job.inputs[i], g_free);
  run_whole (&job, &rest);
  g_assert_cmpint (rest.n, ==, STEPS - 3);
  g_assert_cmpstr (rest.messages->str, ==, "");
  watch_clear (&first);
  watch_clear (&second);
  watch_clear (&rest);
  job_clear (&job);
}

/* A run from when doubles were written with 17 digits is no other. */
static void
test_old_numbers (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree void *settings = g_malloc0 (recipe_gan.settings_size);
  struct trainer trainer = {.recipe = &recipe_gan, .settings = settings, .folder = (char *) "run"};
  option_init (recipe_gan.options, settings);
  option_init (run_options, &trainer.run);
  g_assert_true (option_set (recipe_gan.options, settings, "rate", "0.0004", &error));
  recipe_gan.settle (settings, &trainer.run);
  g_autofree char *now = origin_recipe (&trainer);
  g_autoptr (GString) before = g_string_new (now);
  g_assert_cmpuint (g_string_replace (before, "\"rate\" : 0.0004,", "\"rate\" : 0.00040000000000000002,", 0), ==, 1);
  g_assert_true (origin_check_recipe (&trainer, before->str, &error));
  g_assert_no_error (error);
  g_string_replace (before, "0.00040000000000000002", "0.00050000000000000001", 0);
  g_assert_false (origin_check_recipe (&trainer, before->str, &error));
  check_error (error, IMPASTO_ERROR_USAGE, "was \"rate\" : 0.0005, is \"rate\" : 0.0004");
  option_clear (recipe_gan.options, settings);
  option_clear (run_options, &trainer.run);
}

/* A run from before there was an option goes on as long as it is off. */
static void
test_new_option (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree void *settings = g_malloc0 (recipe_gan.settings_size);
  struct trainer trainer = {.recipe = &recipe_gan, .settings = settings, .folder = (char *) "run"};
  option_init (recipe_gan.options, settings);
  option_init (run_options, &trainer.run);
  recipe_gan.settle (settings, &trainer.run);
  g_autofree char *now = origin_recipe (&trainer);
  char *line = strstr (now, "    \"warm-up\" : 0,\n");
  g_assert_nonnull (line);
  g_autofree char *before = g_strdup_printf ("%.*s%s", (int) (line - now), now, strchr (line, '\n') + 1);
  g_assert_true (origin_check_recipe (&trainer, before, &error));
  g_assert_no_error (error);
  g_assert_true (option_set (recipe_gan.options, settings, "warm-up", "5", &error));
  g_assert_false (origin_check_recipe (&trainer, before, &error));
  check_error (error, IMPASTO_ERROR_USAGE, "the recipe has changed");
  option_clear (recipe_gan.options, settings);
  option_clear (run_options, &trainer.run);
}

int
main (int argc, char **argv)
{
  fixture_begin (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    g_autofree char *killed = g_strdup_printf ("/resume/killed/%s", kinds[i].name),
                    *data = g_strdup_printf ("/resume/changed/data/%s", kinds[i].name);
    g_test_add_data_func (killed, GUINT_TO_POINTER (i), test_killed);
    g_test_add_data_func (data, GUINT_TO_POINTER (i), test_changed_data);
  }
  g_test_add_func ("/resume/child/killed/subprocess", child_killed);
  g_test_add_func ("/resume/new_option", test_new_option);
  g_test_add_func ("/resume/old_numbers", test_old_numbers);
  return fixture_run ();
}
