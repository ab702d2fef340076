/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs of the gan recipe that go on, on bars: stopped, resumed by another command or from another folder, locked; and
 * what is made of their checkpoints. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "bars.h"
#include "format/safetensors.h"
#include "train/checkpoint.h"
#include "train/gan_file.h"
#include "train/gan_recipe.h"

/* Stopped after step 3 of 6, gone on: the same checkpoint, sheet and result. */
static void
test_resume (gconstpointer words)
{
  g_autofree char *settings = g_strconcat (words, " steps=6", NULL), *whole = run_whole (settings);
  struct job *job = job_new (settings);
  job_stop (job, 3);
  job_go_on (job);
  same_file (whole, job->folder, "network-000006.safetensors");
  same_file (whole, job->folder, "fakes000006.png");
  same_file (whole, job->folder, "result.safetensors");
  job_free (job);
}

/* A recipe.json from before there were kinds of noise: the run goes on without. */
static void
test_older (void)
{
  struct job *job = job_new ("steps=4 latent=40 kinds=0 save-every=1");
  job_stop (job, 2);
  g_autofree char *path = file_of (job->folder, "recipe.json"), *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_auto (GStrv) around = g_strsplit (text, "\"kinds\" : 0,", -1);
  g_assert_cmpint (g_strv_length (around), ==, 2);
  g_autofree char *older = g_strconcat (around[0], around[1], NULL);
  g_assert_true (g_file_set_contents (path, older, -1, NULL));
  g_ptr_array_set_size (job->given, 0);
  g_ptr_array_add (job->given, NULL);
  job_go_on (job);
  job_free (job);
}

/* A change is seen wherever in a long value it is. */
static void
test_long_difference (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *many = g_strnfill (400, 'x'), *words = g_strdup_printf ("steps=4 save-every=1 title=%sa", many),
                  *other = g_strconcat (many, "b", NULL);
  struct job *job = job_new (words);
  job->stop_at = 2;
  g_assert_false (job_run (job, &error));
  g_clear_error (&error);
  job_set (job, "resume", job->folder);
  job_set (job, "title", other);
  g_assert_false (job_run (job, &error));
  check_error (error, IMPASTO_ERROR_USAGE, "\"title\" : ");
  job_free (job);
}

/* All that has changed is told in one line. */
static void
test_several_changes (void)
{
  g_autoptr (GError) error = NULL;
  struct job *job = job_new ("steps=6 save-every=1 seed=1");
  job->stop_at = 2;
  g_assert_false (job_run (job, &error));
  g_clear_error (&error);
  job_set (job, "resume", job->folder);
  job_set (job, "steps", "8");
  job_set (job, "batch", "3");
  job_set (job, "loss", "hinge");
  job_set (job, "seed", "9");
  static const char all[] = "the recipe has changed: was \"batch\" : 4, is \"batch\" : 3; was \"loss\" : "
                            "\"non-saturating\", is \"loss\" : \"hinge\"; was \"steps\" : 6, is \"steps\" : 8; "
                            "was \"seed\" : 1, is \"seed\" : 9";
  g_assert_false (job_run (job, &error));
  check_error (error, IMPASTO_ERROR_USAGE, all);
  g_clear_error (&error);
  job_set (job, "accept-changes", "yes");
  job->stop_at = 3;
  g_assert_false (job_run (job, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
  g_autofree char *log = text_of (job->folder, "log.txt");
  g_assert_nonnull (strstr (log, all));
  job_free (job);
}

/* With its folder alone a run goes on by its recipe.json, also in where and how often it writes; an option that is
 * given is looked at, and the files' names hold from any folder. */
static void
test_taken_up (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *made = file ("taken.safetensors"), *words = g_strdup_printf ("steps=6 save-every=1 output=%s", made);
  struct job *first = job_new (words), *job = job_new ("");
  first->stop_at = 2;
  g_assert_false (job_run (first, &error));
  g_clear_error (&error);
  g_ptr_array_set_size (job->given, 0);
  g_ptr_array_add (job->given, NULL);
  job_set (job, "resume", first->folder);
  job_set (job, "rate", "0.01");
  g_assert_false (job_run (job, &error));
  check_error (error, IMPASTO_ERROR_USAGE, "is \"rate\" : 0.01; --accept-changes");
  g_clear_error (&error);
  g_ptr_array_remove_index (job->given, 1);
  job_stop (job, 5);
  g_autofree char *log = file_of (first->folder, "log.txt"),
                  *other = file_of (first->folder, "network-000004.safetensors");
  g_assert_true (g_file_test (other, G_FILE_TEST_EXISTS));
  int lock = open (log, O_RDONLY); /* whoever comes while it is trained is sent away */
  g_assert_cmpint (flock (lock, LOCK_EX), ==, 0);
  g_assert_false (job_run (job, &error));
  check_error (error, IMPASTO_ERROR_INPUT, "another process trains it");
  g_clear_error (&error);
  close (lock);
  job_set (job, "accept-changes", "yes");
  job_set (job, "steps", "4");
  g_assert_false (job_run (job, &error));
  check_error (error, IMPASTO_ERROR_USAGE, "5 steps are done already");
  g_clear_error (&error);
  job->stop_at = 0;
  job_set (job, "steps", "5");
  g_assert_true (job_run (job, &error)); /* none is left */
  g_assert_true (g_file_test (made, G_FILE_TEST_EXISTS));
  g_ptr_array_set_size (job->given, 0);
  g_ptr_array_add (job->given, NULL);
  job_set (job, "resume", first->folder);
  job_set (job, "accept-changes", "no");
  g_assert_true (job_run (job, &error)); /* five are its recipe now */
  g_assert_no_error (error);
  job_free (first);
  job_free (job);
}

/* A change that a run's checkpoint does not allow leaves the run as it was. */
static void
test_impossible_change (gconstpointer words)
{
  g_autoptr (GError) error = NULL;
  struct job *job = job_new ("steps=4 save-every=1");
  job->stop_at = 2;
  g_assert_false (job_run (job, &error));
  g_clear_error (&error);
  g_autofree char *recipe = text_of (job->folder, "recipe.json"), *cure = g_strconcat ("--start ", job->folder, NULL);
  g_auto (GStrv) settings = g_strsplit (words, " ", -1);
  struct job *again = job_new ("");
  g_ptr_array_set_size (again->given, 0);
  g_ptr_array_add (again->given, NULL);
  job_set (again, "resume", job->folder);
  job_set (again, "accept-changes", "yes");
  for (char **setting = settings; *setting; setting++) {
    g_auto (GStrv) pair = g_strsplit (*setting, "=", 2);
    job_set (again, pair[0], pair[1]);
  }
  g_assert_false (job_run (again, &error));
  check_error (error, IMPASTO_ERROR_INPUT, "this change cannot be made to a run: ");
  g_assert_nonnull (strstr (error->message, cure));
  g_clear_error (&error);
  g_autofree char *after = text_of (job->folder, "recipe.json");
  g_assert_cmpstr (recipe, ==, after);
  g_ptr_array_set_size (job->given, 0);
  g_ptr_array_add (job->given, NULL);
  job_go_on (job);
  job_free (job);
  job_free (again);
}

/* A file that comes to the result's place. */
static const char foreign[] = "somebody's";
static const char *foreign_path;

static bool
put_foreign (const struct train_progress *progress, void *data)
{
  if (progress->step == 2)
    g_assert_true (g_file_set_contents (foreign_path, foreign, -1, NULL));
  return job_on_progress (progress, data);
}

/* While a run is stopped, and while it goes: nothing is replaced unasked, nothing is lost. */
static void
test_other_file (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *made = file ("other.safetensors"), *words = g_strdup_printf ("steps=3 output=%s", made),
                  *text = NULL;
  struct job *job = job_new (words);
  foreign_path = made;
  g_assert_false (train (&recipe_gan, job->settings, &job->run, NULL, job->inputs, put_foreign, job, &error));
  check_error (error, IMPASTO_ERROR_OUTPUT, "other.safetensors has come meanwhile and is kept: the result is ");
  g_assert_nonnull (strstr (error->message, "-gan/result.safetensors"));
  g_clear_error (&error);
  g_autofree char *result = file_of (job->folder, "result.safetensors"), *log = text_of (job->folder, "log.txt");
  g_assert_true (g_file_test (result, G_FILE_TEST_EXISTS) && g_file_get_contents (made, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, foreign);
  g_assert_true (g_str_has_suffix (log, "result.safetensors\n") && !strstr (log, "ended: "));
  g_ptr_array_set_size (job->given, 0);
  g_ptr_array_add (job->given, NULL);
  job_set (job, "resume", job->folder);
  g_assert_false (job_run (job, &error));
  check_error (error, IMPASTO_ERROR_OUTPUT, "other.safetensors is there already; --overwrite replaces it");
  g_clear_error (&error);
  job_set (job, "overwrite", "yes");
  g_assert_true (job_run (job, &error));
  job_set (job, "overwrite", "no");
  g_assert_true (job_run (job, &error)); /* its own by now */
  g_autoptr (net_file) model = gan_file_load (made, gan_presets[0], &error);
  g_assert_no_error (error);
  g_assert_nonnull (model);
  job_free (job);
}

/* Leave to replace a file is a run's as long as it is told no other. */
static void
test_overwrite_kept (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *made = file ("kept.safetensors"), *other = file ("kept2.safetensors"),
                  *words = g_strdup_printf ("steps=3 save-every=1 overwrite=yes output=%s", made);
  g_assert_true (g_file_set_contents (made, foreign, -1, NULL) && g_file_set_contents (other, foreign, -1, NULL));
  struct job *job = job_new (words);
  job_stop (job, 2);
  struct job *again = job_new ("");
  g_ptr_array_set_size (again->given, 0);
  g_ptr_array_add (again->given, NULL);
  job_set (again, "resume", job->folder);
  job_set (again, "output", other);
  g_assert_false (job_run (again, &error));
  check_error (error, IMPASTO_ERROR_OUTPUT, "kept2.safetensors is there already; --overwrite replaces it");
  g_clear_error (&error);
  g_ptr_array_remove_index (again->given, 1);
  job_run (again, &error);
  g_assert_no_error (error);
  job_free (again);
  job_free (job);
}

/* Statistics that are gone, cut off or no text: the run goes on, and says how much is lost. */
static void
test_lost_figures (void)
{
  static const struct {
    const char *text; /* in their place; NULL: they are deleted */
    int lost;
  } cases[] = {
    {NULL, 2},
    {"", 2},
    {"\x01\xff{\"step\":\n\n", 2},
    {"{\"step\":1,\"loss\":1,\"seconds\":1}\n{\"step\":2,\"lo", 1},
    {"{\"step\":0,\"watchdog\":\"nan\",\"at\":2}\n{\"step\":2,\"loss\":1}\n", 1},
    {"{\"step\":1,\"loss\":1}\n{\"step\":2,\"loss\":1}\n{\"step\":3,\"loss\":1}\n", 0},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    struct job *job = job_new ("steps=3 save-every=1");
    job->stop_at = 2;
    g_assert_false (job_run (job, &error));
    g_clear_error (&error);
    g_autofree char *stats = file_of (job->folder, "stats.jsonl"),
                    *wanted = g_strdup_printf ("has lost the figures of %d of 2 steps", cases[i].lost);
    g_unlink (stats);
    g_assert_true (!cases[i].text || g_file_set_contents (stats, cases[i].text, -1, NULL));
    job_go_on (job);
    g_autofree char *log = text_of (job->folder, "log.txt"), *figures = text_of (job->folder, "stats.jsonl");
    g_assert_true (!strstr (log, wanted) == (cases[i].lost == 0));
    g_assert_true (!strstr (log, "has lost") == (cases[i].lost == 0));
    g_assert_nonnull (strstr (figures, "{\"step\":3,\"loss\":"));
    g_assert_null (strstr (figures, "\"lo{"));
    job_free (job);
  }
}

/* What a run goes on from is not written anew, which a full disk would not allow, unless it is now another recipe's. */
static void
test_read_only (void)
{
  g_autoptr (GError) error = NULL;
  struct job *job = job_new ("steps=3 save-every=1");
  job->stop_at = 1;
  g_assert_false (job_run (job, &error));
  g_autofree char *first = file_of (job->folder, "network-000000.safetensors"),
                  *second = file_of (job->folder, "network-000001.safetensors");
  GStatBuf before, after;
  g_assert_cmpint (g_stat (first, &before), ==, 0);
  job_set (job, "resume", job->folder);
  for (int i = 0; i < 3; i++) {
    g_clear_error (&error);
    g_assert_cmpint (g_unlink (second), ==, 0);
    if (i > 0)
      job_set (job, "accept-changes", "yes");
    if (i > 1)
      job_set (job, "rate", "0.001");
    g_assert_false (job_run (job, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
    g_assert_cmpint (g_stat (first, &after), ==, 0);
    g_assert_true ((before.st_ino == after.st_ino) == (i < 2));
  }
  job_free (job);
}

static bool
finish_diverged (struct trainer *trainer, const char *path, GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC, "%s: weight a does not fit half precision", path);
  return false;
}

/* Weights that no file holds: what it comes from and what there is instead. */
static void
test_diverged (void)
{
  g_autoptr (GError) error = NULL;
  struct recipe wild = recipe_gan;
  struct job *job = job_new ("steps=3 save-every=2");
  wild.finish = finish_diverged;
  g_assert_false (train (&wild, job->settings, &job->run, NULL, job->inputs, job_on_progress, job, &error));
  g_autofree char *before = file_of (job->folder, "network-000002.safetensors"),
                  *cure = g_strdup_printf ("; start again with a lower --rate, or take an earlier checkpoint: impasto "
                                           "export %s -o FILE",
                                           before);
  check_error (error, IMPASTO_ERROR_NUMERIC, "the run has diverged, there is no result: ");
  g_assert_true (g_str_has_suffix (error->message, cure));
  job_free (job);
}

/* What a run is told by names below one folder, it finds from another. */
static void
test_taken_up_elsewhere (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *here = g_get_current_dir (), *made = file ("elsewhere.safetensors");
  g_autofree char *name = g_path_get_basename (bars_folder), *below = g_path_get_dirname (bars_folder);
  g_autofree char *words = g_strdup_printf ("steps=4 save-every=1 data=%s output=elsewhere.safetensors", name);
  struct job *job = job_new (words);
  g_assert_cmpint (g_chdir (below), ==, 0);
  job->stop_at = 2;
  g_assert_false (job_run (job, &error));
  g_clear_error (&error);
  g_assert_cmpint (g_chdir (here), ==, 0);
  g_ptr_array_set_size (job->given, 0);
  g_ptr_array_add (job->given, NULL);
  job_set (job, "resume", job->folder);
  job->stop_at = 0;
  g_assert_true (job_run (job, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_test (made, G_FILE_TEST_EXISTS));
  job_free (job);
}

/* A checkpoint whose judge has another shape. */
static void
test_other_networks (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *made = run_whole ("steps=2"), *path = file_of (made, "network-000002.safetensors");
  g_autoptr (weights) checkpoint = safetensors_load (path, &error);
  g_assert_true (weights_remove (checkpoint, "judge.dense1.weight"));
  g_autoptr (tensor) other = tensor_new (SHAPE (1, 7), DTYPE_F32, NULL);
  weights_add (checkpoint, "judge.dense1.weight", other);
  g_autofree char *digest = checkpoint_digest (checkpoint);
  weights_set_metadata (checkpoint, CHECKPOINT_DIGEST, digest);
  g_assert_true (safetensors_save (checkpoint, path, &error));
  struct job *job = job_new ("");
  job_set (job, "resume", made);
  g_assert_false (job_run (job, &error));
  check_error (error, IMPASTO_ERROR_MODEL, "cannot go on from its checkpoint: weight judge.dense1.weight");
  g_assert_nonnull (strstr (error->message, made));
  job_free (job);
}

/* A pre-trained start: with a rate of next to nothing the result is what was given. */
static void
test_start (void)
{
  g_autofree char *first = run_whole ("steps=2"), *given = file_of (first, "result.safetensors");
  g_autofree char *words = g_strdup_printf ("steps=1 rate=3e-8 seed=9 start=%s", given), *second = run_whole (words);
  g_autoptr (picture) a = generate (first, "number=4 threads=1"), b = generate (second, "number=4 threads=1");
  for (int i = 0; i < a->width * a->height; i++)
    g_assert_cmpfloat_with_epsilon (a->rgb[i], b->rgb[i], 0.03);
}

/* The generator of a checkpoint, and of a run's latest, is what the run ends with; it can be gone on from. */
static void
test_checkpoint (gconstpointer words)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *all = g_strdup_printf ("%s steps=2", (const char *) words), *made = run_whole (all);
  g_autofree char *result = file_of (made, "result.safetensors"), *path = file_of (made, "network-000002.safetensors");
  g_assert_true (gan_checkpoint_matches (made));
  g_assert_true (gan_checkpoint_matches (path));
  g_assert_false (gan_checkpoint_matches (result));
  g_autoptr (net_file) latest = gan_checkpoint_load (made, &error), this = gan_checkpoint_load (path, &error);
  g_assert_no_error (error);
  g_autoptr (net_file) wanted = net_file_load (result, latest->net, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (latest->settings, sizeof (struct gan_net), wanted->settings, sizeof (struct gan_net));
  g_assert_cmpuint (weights_count (latest->weights), ==, weights_count (wanted->weights));
  for (guint i = 0; i < weights_count (wanted->weights); i++) {
    const char *name = weights_name (wanted->weights, i);
    struct tensor *a = weights_at (wanted->weights, i), *b = weights_find (latest->weights, name),
                  *c = weights_find (this->weights, name);
    for (int64_t k = 0; k < shape_size (&a->shape); k++) /* half precision there */
      g_assert_cmpfloat_with_epsilon (tensor_floats (a)[k], tensor_floats (b)[k],
                                      1e-3 * fabs (tensor_floats (a)[k]) + 1e-6);
    g_assert_cmpmem (b->data, b->size, c->data, c->size);
  }
  g_autofree char *later = file_of (made, "network-000003.safetensors"), *copy = file ("copy.safetensors"),
                  *bytes = NULL;
  gsize size;
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL) && g_file_set_contents (copy, bytes, size, NULL));
  g_assert_true (checkpoint_check_result (result, &error));
  for (const char *const *taken = (const char *const[]){path, later, copy, NULL}; *taken; taken++) {
    g_assert_false (checkpoint_check_result (*taken, &error));
    check_error (error, IMPASTO_ERROR_USAGE, "is a checkpoint of");
    g_clear_error (&error);
  }
  g_autofree char *again = g_strdup_printf ("%s steps=1 start=%s seed=9 rate=1e-12", (const char *) words, made);
  g_autofree char *second = run_whole (again), *begun = file_of (second, "network-000001.safetensors");
  g_autoptr (weights) went_on = safetensors_load (begun, &error);
  g_assert_no_error (error);
  struct tensor *from = weights_find (latest->weights, "dense1.weight"),
                *to = weights_find (went_on, "generator.dense1.weight");
  for (int64_t k = 0; k < shape_size (&from->shape); k++)
    g_assert_cmpfloat_with_epsilon (tensor_floats (from)[k], tensor_floats (to)[k], 1e-6);
}

/* The folder of a run that has saved none. */
static void
test_no_checkpoint (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *made = run_whole ("steps=1"), *first = file_of (made, "network-000000.safetensors"),
                  *last = file_of (made, "network-000001.safetensors");
  g_assert_cmpint (g_unlink (last), ==, 0);
  g_unlink (first);
  g_assert_null (gan_file_load (made, gan_presets[0], &error));
  check_error (error, IMPASTO_ERROR_INPUT, "holds no checkpoint network-*.safetensors yet");
  g_clear_error (&error);
  g_assert_null (gan_file_load (bars_folder, gan_presets[0], &error));
  check_error (error, IMPASTO_ERROR_INPUT, "is no run of train gan");
}

/* Checkpoints that somebody else made: what their recipe may say. */
static void
test_bad_checkpoint (void)
{
  static const char *const recipes[] = {
    "",
    "[]",
    "{\"recipe\": 1, \"settings\": {}}",
    "{\"recipe\": \"style\", \"settings\": {}}",
    "{\"recipe\": \"gan\"}",
    "{\"recipe\": \"gan\", \"settings\": []}",
    "{\"recipe\": \"gan\", \"settings\": {\"preset\": \"none\"}}",
    "{\"recipe\": \"gan\", \"settings\": {\"latent\": 1e99}}",
    "{\"recipe\": \"gan\", \"settings\": {}}", /* of another width */
    "{\"recipe\": \"gan\", \"settings\": {\"conditional\": \"concatenation\", \"latent\": 4096}}",
    "{\"recipe\": \"gan\", \"settings\": {\"conditional\": \"normalisation\", \"norm\": \"none\"}}",
    "{\"recipe\": \"gan\", \"settings\": {\"preset\": \"dcgan-64\", \"codes\": 3}}",
  };
  g_autofree char *made = run_whole ("steps=1"), *path = file_of (made, "network-000001.safetensors");
  for (guint i = 0; i < G_N_ELEMENTS (recipes); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (weights) checkpoint = safetensors_load (path, &error);
    weights_set_metadata (checkpoint, "recipe", recipes[i]);
    g_autofree char *digest = checkpoint_digest (checkpoint);
    weights_set_metadata (checkpoint, CHECKPOINT_DIGEST, digest);
    g_assert_true (safetensors_save (checkpoint, path, &error));
    g_assert_null (gan_checkpoint_load (path, &error));
    check_error (error, IMPASTO_ERROR_INPUT, "network-000001.safetensors");
  }
}

int
main (int argc, char **argv)
{
  static const char *const checkpoints[] = {"", "conditional=concatenation codes=3 continuous=1",
                                            "conditional=normalisation", "preset=vae-28"};
  static const char *const impossible[] = {"steps=6 spectral=yes", "translation=yes augment-target=0.5", "width=0.05"};
  static const char *const resumes[] = {
    "",
    "loss=wasserstein gradient-penalty=10 judge-steps=2 noise=0.2 optimizer=rmsprop schedule=linear",
    ("preset=noise-gan-28 warm-up=0 loss=hinge r1=1 r1-every=4 spectral=yes minibatch=yes dropout=0.3 "
     "conditional=normalisation"),
    "judge=pairwise conditional=concatenation norm=layer optimizer=sgd clip=1 l1=0.001 l2=0.001 judge-norm=batch",
    "judge=linear translation=yes cutout=yes color=yes augment-target=0.6 real-label=0.9 schedule=cosine",
    "preset=vae-28 conditional=concatenation",
    "preset=noise-gan-28 warm-up=6 codes=3 continuous=2 judge-steps=2",
  };
  bars_begin (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (resumes); i++) {
    g_autofree char *path = g_strdup_printf ("/gan_runs/resume/%u", i);
    g_test_add_data_func (path, resumes[i], test_resume);
  }
  g_test_add_func ("/gan_runs/older", test_older);
  g_test_add_func ("/gan_runs/long_difference", test_long_difference);
  g_test_add_func ("/gan_runs/several_changes", test_several_changes);
  g_test_add_func ("/gan_runs/taken_up", test_taken_up);
  for (guint i = 0; i < G_N_ELEMENTS (impossible); i++) {
    g_autofree char *path = g_strdup_printf ("/gan_runs/impossible_change/%u", i);
    g_test_add_data_func (path, impossible[i], test_impossible_change);
  }
  g_test_add_func ("/gan_runs/taken_up/elsewhere", test_taken_up_elsewhere);
  g_test_add_func ("/gan_runs/lost_figures", test_lost_figures);
  g_test_add_func ("/gan_runs/read_only", test_read_only);
  g_test_add_func ("/gan_runs/diverged", test_diverged);
  g_test_add_func ("/gan_runs/other_file", test_other_file);
  g_test_add_func ("/gan_runs/overwrite_kept", test_overwrite_kept);
  g_test_add_func ("/gan_runs/other_networks", test_other_networks);
  g_test_add_func ("/gan_runs/start", test_start);
  g_test_add_func ("/gan_runs/no_checkpoint", test_no_checkpoint);
  g_test_add_func ("/gan_runs/bad_checkpoint", test_bad_checkpoint);
  for (guint i = 0; i < G_N_ELEMENTS (checkpoints); i++) {
    g_autofree char *path = g_strdup_printf ("/gan_runs/checkpoint/%u", i);
    g_test_add_data_func (path, checkpoints[i], test_checkpoint);
  }
  return bars_run ();
}
