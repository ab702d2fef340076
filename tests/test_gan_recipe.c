/* SPDX-License-Identifier: Apache-2.0
 *
 * The gan recipe on bars: pictures of two classes, an upright and a lying bar, in an IDX file. Generators learn to draw
 * them, and by class; stabilisers do what they are for; what makes no sense is refused in one line. Runs that go on:
 * test_gan_runs.c. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "bars.h"
#include "format/safetensors.h"
#include "train/gan_loss.h"
#include "train/gan_recipe.h"

/* Every weight of both networks moves, whatever the loss; but for what shifts all scores, where real and fake ones push
 * alike. */
static void
test_loss (gconstpointer loss)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *words = g_strdup_printf ("loss=%s steps=2 save-every=1 judge-norm=layer", (const char *) loss);
  g_autofree char *made = run_whole (words), *first = file_of (made, "network-000001.safetensors"),
                  *last = file_of (made, "network-000002.safetensors");
  g_autoptr (weights) a = safetensors_load (first, &error), b = safetensors_load (last, &error);
  g_assert_no_error (error);
  int seen = 0;
  for (guint i = 0; i < weights_count (a); i++) {
    const char *name = weights_name (a, i);
    struct tensor *x = weights_at (a, i), *y = weights_find (b, name);
    bool network = g_str_has_prefix (name, "generator.") || g_str_has_prefix (name, "judge.");
    if (!network || g_str_equal (name, "judge.dense1.bias"))
      continue;
    if (!memcmp (x->data, y->data, x->size))
      g_error ("%s: %s has not moved", (const char *) loss, name);
    seen++;
  }
  g_assert_cmpint (seen, ==, 17 + 11);
}

/* Learning */

/* Pictures of a generated sheet: the greatest distance of a row or column of it from its own mean tells bars from
 * noise. */
static double
evenness (const struct picture *sheet, int row, int column, bool upright)
{
  double sum = 0;
  for (int a = 0; a < SIDE; a++) {
    double mean = 0, square = 0;
    for (int b = 0; b < SIDE; b++) {
      int x = column * CELL + (upright ? a : b), y = row * CELL + (upright ? b : a);
      double v = sheet->rgb[y * sheet->width + x];
      mean += v / SIDE, square += v * v / SIDE;
    }
    sum += MAX (square - mean * mean, 0) / SIDE;
  }
  return sum;
}

/* Of a conditional generator the class asked for: lines along the bar are more even than those across it. */
static void
test_learns_classes (gconstpointer conditional)
{
  g_autofree char *words = g_strdup_printf (
    "conditional=%s steps=160 batch=16 width=0.1 rate=0.004 average=0.9 save-every=1000 loss=relativistic",
    (const char *) conditional);
  g_autofree char *made = run_whole (words);
  int right = 0;
  for (int class = 0; class < 2; class ++) {
    g_autofree char *asked = g_strdup_printf ("number=16 columns=4 threads=1 class=%d", class);
    g_autoptr (picture) sheet = generate (made, asked);
    for (int i = 0; i < 16; i++) {
      double upright = evenness (sheet, i / 4, i % 4, true), lying = evenness (sheet, i / 4, i % 4, false);
      right += class ? upright < lying : lying < upright;
    }
  }
  g_test_message ("%d of 32 bars as asked for", right);
  g_assert_cmpint (right, >=, 25); /* of ten seeds the worst has 28; by chance 16 */
}

static void
test_autoencoder_learns (void)
{
  g_autoptr (GError) error = NULL;
  struct job *job = job_new ("preset=vae-28 steps=60 batch=16 width=0.05 rate=0.005 save-every=1000");
  job_run (job, &error);
  g_assert_no_error (error);
  double first = 0, last = 0;
  for (int i = 0; i < 10; i++)
    first += figure (job, i, "loss"), last += figure (job, 50 + i, "loss");
  g_test_message ("loss %g .. %g", first / 10, last / 10);
  g_assert_cmpfloat (last, <, 0.5 * first);
  job_free (job);
}

/* Stabilisers */

static void
test_lazy_r1 (void)
{
  g_autoptr (GError) error = NULL;
  struct job *job = job_new ("r1=1 r1-every=3 steps=7");
  job_run (job, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 7; i++)
    g_assert_true (isnan (figure (job, i, "r1")) == (i % 3 != 0));
  job_free (job);
}

/* mean (slope - 1)^2 over the last twenty of 100 steps of a critic. */
static double
slope_error (double weight)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *words = g_strdup_printf ("loss=wasserstein gradient-penalty=%g steps=100 batch=16 width=0.1 "
                                            "rate=0.0003 schedule=constant momentum=0 beta2=0.9 "
                                            "save-every=1000",
                                            weight);
  struct job *job = job_new (words);
  double sum = 0;
  job_run (job, &error);
  g_assert_no_error (error);
  for (int i = 0; i < 20; i++)
    sum += figure (job, 80 + i, "penalty") / 20;
  job_free (job);
  return sum;
}

/* A critic's slopes are held near 1, which are not by themselves. */
static void
test_gradient_penalty (void)
{
  double held = slope_error (10), free = slope_error (1e-9);
  g_test_message ("mean (slope - 1)^2: %g, without the penalty %g", held, free);
  g_assert_cmpfloat (held, <, 0.1);
  g_assert_cmpfloat (free, >, 10 * held);
}

/* u^T W v, one step from @u; then @u is better by that step. */
static double
power_step (const float *w, int64_t rows, int64_t columns, double *u)
{
  g_autofree double *v = g_new0 (double, columns);
  double norm = 0, sigma = 0;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < columns; c++)
      v[c] += w[r * columns + c] * u[r];
  for (int64_t c = 0; c < columns; c++)
    norm += v[c] * v[c];
  for (int64_t r = 0; r < rows; r++) {
    u[r] = 0;
    for (int64_t c = 0; c < columns; c++)
      u[r] += w[r * columns + c] * v[c] / sqrt (norm);
    sigma += u[r] * u[r];
  }
  for (int64_t r = 0; r < rows; r++)
    u[r] /= sqrt (sigma);
  return sqrt (sigma);
}

/* What the next step would divide by is the largest singular value within 2 %. */
static void
test_spectral (void)
{
  static const char *const layers[] = {"conv1", "conv2", "dense1"};
  g_autoptr (GError) error = NULL;
  g_autofree char *made = run_whole ("spectral=yes steps=40 width=0.1 save-every=40"),
                  *path = file_of (made, "network-000040.safetensors");
  g_autoptr (weights) weights = safetensors_load (path, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (layers); i++) {
    g_autofree char *weight = g_strdup_printf ("judge.%s.weight", layers[i]),
                    *u = g_strdup_printf ("judge.%s.u", layers[i]);
    struct tensor *w = weights_find (weights, weight), *vector = weights_find (weights, u);
    int64_t rows = w->shape.dim[0], columns = shape_size (&w->shape) / rows;
    g_assert_true (rows > 0 && rows == shape_size (&vector->shape));
    g_autofree double *x = g_new (double, rows);
    for (int64_t k = 0; k < rows; k++)
      x[k] = tensor_floats (vector)[k];
    double known = power_step (tensor_floats (w), rows, columns, x), largest = known;
    for (int k = 0; k < 500; k++)
      largest = power_step (tensor_floats (w), rows, columns, x);
    g_test_message ("%s: %g of %g", layers[i], known, largest);
    g_assert_cmpfloat_with_epsilon (known / largest, 1, 0.02);
  }
}

/* The probability is a state: it goes up from 0 while the judge knows the real ones, and down again. */
static void
test_adaptive (void)
{
  g_autoptr (GError) error = NULL;
  struct job *job = job_new ("translation=yes augment-target=0.01 steps=60 batch=16 judge-rate=0.005 save-every=1000");
  job_run (job, &error);
  g_assert_no_error (error);
  double most = 0;
  for (int i = 1; i < 60; i++) {
    double moved = fabs (figure (job, i, "augment") - figure (job, i - 1, "augment"));
    g_assert_true (moved < 1e-6 || fabs (moved - 16 / 100000.0) < 1e-6);
    most = MAX (most, figure (job, i, "augment"));
  }
  g_assert_cmpfloat (most, >, 20 * 16 / 100000.0);
  job_free (job);
}

/* One picture again and again: said after two looks, not rescued. */
static void
test_watchdog_data (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) pictures = g_byte_array_new ();
  guint8 value = 99;
  bars_head (pictures, 3, 8);
  for (int i = 0; i < 8 * SIDE * SIDE; i++)
    g_byte_array_append (pictures, &value, 1);
  bars_write ("same-images-idx3-ubyte", pictures);
  g_autofree char *same = file_of (bars_folder, "same-images-idx3-ubyte"),
                  *words = g_strconcat ("steps=60 data=", same, NULL);
  struct job *job = job_new (words);
  g_assert_false (job_run (job, &error));
  check_error (error, IMPASTO_ERROR_INPUT, "hardly differ");
  g_assert_nonnull (strstr (error->message, "step 50:"));
  g_unlink (same);
  job_free (job);
}

/* Labels that are all the same: nothing to be conditional on. */
static void
test_one_class (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) pictures = g_byte_array_new (), labels = g_byte_array_new ();
  bars_head (pictures, 3, 60);
  bars_head (labels, 1, 60);
  for (int i = 0; i < 60 * SIDE * SIDE; i++)
    g_byte_array_append (pictures, &(guint8){i * 7919 % 251}, 1);
  for (int i = 0; i < 60; i++)
    g_byte_array_append (labels, &(guint8){255}, 1);
  bars_write ("one-images-idx3-ubyte", pictures);
  bars_write ("one-labels-idx1-ubyte", labels);
  g_autofree char *one = file_of (bars_folder, "one-images-idx3-ubyte"),
                  *beside = file_of (bars_folder, "one-labels-idx1-ubyte"),
                  *words = g_strconcat ("steps=1 conditional=concatenation data=", one, NULL);
  struct job *job = job_new (words);
  g_assert_false (job_run (job, &error));
  check_error (error, IMPASTO_ERROR_INPUT, "pictures of one class alone");
  g_unlink (one);
  g_unlink (beside);
  job_free (job);
}

/* A rate that is far too high is seen and taken down, on the terminal, in the log and in the statistics; and a run that
 * was stopped before and after a rescue comes to the bits of one that was not. */
static void
test_watchdog_rescue (void)
{
  static const char wild[] = "rate=0.1 batch=8 steps=60 save-every=10 width=0.05";
  g_autoptr (GError) error = NULL;
  g_autofree char *whole = run_whole (wild), *log = text_of (whole, "log.txt"),
                  *figures = text_of (whole, "stats.jsonl");
  g_test_message ("%s", log);
  g_assert_nonnull (strstr (log, "learning rate is too high"));
  g_assert_nonnull (strstr (log, "Back to step"));
  g_assert_nonnull (strstr (figures, "\"watchdog\":\"explosion\""));
  struct job *job = job_new (wild);
  for (int stops = 0; stops < 3; stops++) {
    job->stop_at = (const int[]){8, 21, 33}[stops];
    g_assert_false (job_run (job, &error));
    g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED);
    g_clear_error (&error);
    job_set (job, "resume", job->folder);
  }
  job->stop_at = 0;
  job_run (job, &error);
  g_assert_no_error (error);
  same_file (whole, job->folder, "network-000060.safetensors");
  job_free (job);
}

/* A judge that wins and a collapse, by limits that every run crosses: once warned of; with --watchdog all rescued from,
 * with what helps in the steps that follow, until the run ends with advice. */
static void
test_watchdog_all (gconstpointer trouble)
{
  bool judge = GPOINTER_TO_INT (trouble) == WATCHDOG_JUDGE;
  const struct watch_row rows[] = {{"doubt", GPOINTER_TO_INT (trouble), WATCH_BELOW, 1e9, 4, 1, 0}, {NULL}};
  struct recipe strict = recipe_gan;
  strict.watches = rows;
  for (int all = 0; all < 2; all++) {
    g_autoptr (GError) error = NULL;
    struct job *job = job_new (all ? "steps=6 r1=0 r1-every=1 watchdog=all" : "steps=6 r1=0 r1-every=1");
    bool ok = train (&strict, job->settings, &job->run, NULL, job->inputs, job_on_progress, job, &error);
    g_autofree char *log = text_of (job->folder, "log.txt"), *figures = text_of (job->folder, "stats.jsonl");
    g_test_message ("%s", log);
    g_assert_true (ok == !all);
    g_auto (GStrv) said = g_strsplit (log, "watchdog: step 4: the ", -1);
    g_assert_cmpint (g_strv_length (said) - 1, ==, all ? 3 : 1);
    g_assert_true (!strstr (log, "Back to step 0") == !all);
    g_assert_true (!strstr (figures, judge ? "\"watchdog\":\"judge-wins\"" : "\"watchdog\":\"collapse\"") == !all);
    g_auto (GStrv) rescues = g_strsplit (figures, "{\"step\":0,\"watchdog\":", -1); /* earlier ones stay */
    g_assert_cmpint (g_strv_length (rescues) - 1, ==, all ? 3 : 0);
    g_assert_true (!strstr (figures, "\"r1\":") == !all);
    g_assert_true (!strstr (log, "--r1 is 0.5") == !all);
    g_assert_true (!strstr (log, "--r1 is 2") == !all);
    g_assert_true (!strstr (log, "augmented pictures with probability 0.9") == !(all && judge));
    if (all)
      check_error (error, IMPASTO_ERROR_NUMERIC, "after 3 rescues");
    job_free (job);
  }
}

/* What is left open becomes the preset's; R1 where it is possible. */
static void
test_defaults (void)
{
  static const struct {
    const char *words;
    double r1, rate, judge_rate;
    int batch, warm_up, kinds;
  } cases[] = {
    {"", 1, 4e-4, 4e-4, 32, 0, 32},
    {"latent=31", 1, 4e-4, 4e-4, 32, 0, 0},
    {"latent=4 kinds=3", 1, 4e-4, 4e-4, 32, 0, 3},
    {"conditional=normalisation", 1, 4e-4, 4e-4, 32, 0, 0},
    {"codes=10", 1, 4e-4, 4e-4, 32, 0, 0},
    {"codes=10 kinds=5", 1, 4e-4, 4e-4, 32, 0, 5},
    {"r1=0 batch=8 rate=0.001", 0, 0.001, 0.001, 8, 0, 32},
    {"loss=wasserstein", 0, 4e-4, 4e-4, 32, 0, 32},
    {"judge=linear", 0, 4e-4, 4e-4, 32, 0, 32},
    {"judge=pairwise", 0, 4e-4, 4e-4, 32, 0, 32},
    {"judge-norm=batch", 0, 4e-4, 4e-4, 32, 0, 32},
    {"gradient-penalty=10", 0, 4e-4, 4e-4, 32, 0, 32},
    {"preset=noise-gan-28", 1, 2e-4, 2e-4, 32, 500, 64},
    {"preset=noise-gan-28 warm-up=0", 1, 2e-4, 2e-4, 32, 0, 64},
    {"preset=dcgan-64", 0, 2e-4, 2e-4, 64},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_auto (GStrv) words = g_strsplit (cases[i].words, " ", -1);
    g_autofree struct gan_settings *settings = g_malloc0 (recipe_gan.settings_size);
    struct run_settings run = {0};
    option_init (recipe_gan.options, settings);
    for (char **word = words; *word && **word; word++) {
      g_auto (GStrv) pair = g_strsplit (*word, "=", 2);
      g_assert_true (option_set (recipe_gan.options, settings, pair[0], pair[1], &error));
    }
    recipe_gan.settle (settings, &run);
    g_assert_cmpfloat (settings->r1, ==, cases[i].r1);
    g_assert_cmpfloat_with_epsilon (settings->rate, cases[i].rate, 1e-12);
    g_assert_cmpfloat_with_epsilon (settings->judge_rate, cases[i].judge_rate, 1e-12);
    g_assert_cmpint (settings->batch, ==, cases[i].batch);
    g_assert_cmpint (settings->warm_up, ==, cases[i].warm_up);
    g_assert_cmpint (settings->net.kinds, ==, cases[i].kinds);
    g_assert_cmpint (settings->schedule, ==, GAN_LINEAR);
    option_clear (recipe_gan.options, settings);
  }
}

static bool
same_weights (const char *a, const char *b, const char *name)
{
  g_autofree char *first = file_of (a, name), *second = file_of (b, name);
  g_autoptr (weights) x = safetensors_load (first, NULL), y = safetensors_load (second, NULL);
  g_assert_true (x && y);
  for (guint i = 0; i < weights_count (x); i++)
    if (memcmp (weights_at (x, i)->data, weights_find (y, weights_name (x, i))->data, weights_at (x, i)->size))
      return false;
  return true;
}

/* The first half of a run whose rate goes down along a line is that of one whose rate stays; after a rescue, too. */
static void
test_schedule (void)
{
  static const char wild[] = "rate=0.1 batch=8 steps=60 save-every=10 width=0.05", tame[] = "steps=4 save-every=1";
  for (int i = 0; i < 2; i++) {
    const char *words = i ? tame : wild, *half = i ? "network-000002.safetensors" : "network-000030.safetensors";
    g_autofree char *constant = g_strdup_printf ("%s schedule=constant", words);
    g_autofree char *a = run_whole (words), *b = run_whole (constant), *log = text_of (a, "log.txt");
    g_assert_true (!strstr (log, "Back to step 0") == (i == 1)); /* before the first checkpoint that is looked at */
    g_assert_true (same_weights (a, b, half));
    g_assert_false (same_weights (a, b, i ? "network-000004.safetensors" : "network-000060.safetensors"));
  }
}

/* The first of four steps of warming up is made at a quarter of the rate, the second at more. */
static void
test_warm_up (void)
{
  static const struct {
    const char *warm, *constant, *checkpoint;
    bool same;
  } cases[] = {
    {"steps=1 rate=0.4 judge-rate=0.2 warm-up=4", "steps=1 rate=0.1 judge-rate=0.05", "network-000001.safetensors",
     true},
    {"steps=3 rate=0.4 warm-up=1", "steps=3 rate=0.4", "network-000003.safetensors", true},
    {"steps=2 rate=0.4 warm-up=4", "steps=2 rate=0.1", "network-000002.safetensors", false},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    static const char how[] = "schedule=constant watchdog=off";
    g_autofree char *words = g_strdup_printf ("%s %s", cases[i].warm, how);
    g_autofree char *other = g_strdup_printf ("%s %s", cases[i].constant, how);
    g_autofree char *a = run_whole (words), *b = run_whole (other);
    g_assert_true (same_weights (a, b, cases[i].checkpoint) == cases[i].same);
  }
}

/* A category begins as loud as all of the noise, once: also where a run is resumed from its first weights. */
static void
test_code_begins (void)
{
  static const char words[] = "codes=3 continuous=1 latent=6 steps=2 save-every=2";
  g_autoptr (GError) error = NULL;
  g_autofree char *whole = run_whole (words), *path = file_of (whole, "network-000000.safetensors");
  g_autoptr (weights) fresh = safetensors_load (path, &error);
  g_assert_no_error (error);
  struct tensor *dense = weights_find (fresh, "generator.dense1.weight");
  int64_t rows = dense->shape.dim[0], columns = dense->shape.dim[1];
  double noise = 0, code = 0, number = 0;
  g_assert_cmpint (columns, ==, 6 + 3 + 1);
  for (int64_t i = 0; i < rows * columns; i++) {
    double square = tensor_floats (dense)[i] * tensor_floats (dense)[i];
    *(i % columns < 6 ? &noise : i % columns < 9 ? &code : &number) += square;
  }
  g_assert_cmpfloat_with_epsilon (code / 3, noise, 0.2 * noise); /* one is on, of deviation 1 each are the six */
  g_assert_cmpfloat_with_epsilon (number, noise / 6, 0.2 * noise / 6);
  g_autofree char *plain = g_strconcat (words, " information-augment=0", NULL), *read_plainly = run_whole (plain);
  g_assert_false (same_weights (whole, read_plainly, "network-000002.safetensors"));
  struct job *job = job_new (words);
  job->stop_at = 1;
  g_assert_false (job_run (job, &error));
  g_clear_error (&error);
  g_autofree char *stopped = file_of (job->folder, "network-000001.safetensors");
  g_assert_cmpint (g_unlink (stopped), ==, 0);
  job->stop_at = 0;
  job_set (job, "resume", job->folder);
  g_assert_true (job_run (job, &error));
  g_assert_no_error (error);
  same_file (whole, job->folder, "network-000002.safetensors");
  job_free (job);
}

static void
test_refused (void)
{
  static const struct {
    const char *words, *text;
    int code;
  } cases[] = {
    {"judge=pairwise loss=hinge", "--loss relativistic", IMPASTO_ERROR_USAGE},
    {"loss=hinge real-label=0.9", "labels", IMPASTO_ERROR_USAGE},
    {"gradient-penalty=10 judge-norm=batch", "one by one", IMPASTO_ERROR_USAGE},
    {"loss=wasserstein augment-target=0.6 color=yes", "zero", IMPASTO_ERROR_USAGE},
    {"augment-target=0.6", "wants --translation", IMPASTO_ERROR_USAGE},
    {"classes=3", "--conditional", IMPASTO_ERROR_USAGE},
    {"preset=vae-28 loss=hinge", "without a judge", IMPASTO_ERROR_USAGE},
    {"preset=vae-28 cutout=yes", "without a judge", IMPASTO_ERROR_USAGE},
    {"channels=2", "1 or 3", IMPASTO_ERROR_USAGE},
    {"preset=vae-28 codes=4", "want a judge", IMPASTO_ERROR_USAGE},
    {"judge=linear codes=4", "judge's layers", IMPASTO_ERROR_USAGE},
    {"information=2", "goes with --codes", IMPASTO_ERROR_USAGE},
    {"information=2 continuous=1", "goes with --codes", IMPASTO_ERROR_USAGE},
    {"information-continuous=1 codes=4", "goes with --continuous", IMPASTO_ERROR_USAGE},
    {"information-augment=1", "goes with --codes and --continuous", IMPASTO_ERROR_USAGE},
    {"preset=vae-28 information=2", "goes with --codes", IMPASTO_ERROR_USAGE},
    {"preset=vae-28 judge-norm=instance", "presets without a judge", IMPASTO_ERROR_USAGE},
    {"preset=vae-28 real-label=0.9", "--real-label has no meaning here", IMPASTO_ERROR_USAGE},
    {"preset=vae-28 judge-rate=0.1", "without a judge", IMPASTO_ERROR_USAGE},
    {"preset=vae-28 judge-steps=2", "without a judge", IMPASTO_ERROR_USAGE},
    {"preset=vae-28 dropout=0.1", "without a judge", IMPASTO_ERROR_USAGE},
    {"preset=vae-28 augment-probability=0.5", "wants --translation", IMPASTO_ERROR_USAGE},
    {"preset=noise-gan-28 norm=layer", "without normalisation", IMPASTO_ERROR_USAGE},
    {"judge=linear minibatch=yes", "leave --judge linear out", IMPASTO_ERROR_USAGE},
    {"judge=linear judge-norm=batch", "leave --judge linear out", IMPASTO_ERROR_USAGE},
    {"judge=linear dropout=0.2", "leave --judge linear out", IMPASTO_ERROR_USAGE},
    {"optimizer=rmsprop momentum=0.9", "goes with --optimizer adam", IMPASTO_ERROR_USAGE},
    {"optimizer=sgd beta2=0.9", "goes with --optimizer adam", IMPASTO_ERROR_USAGE},
    {"r1=0 r1-every=4", "goes with --r1", IMPASTO_ERROR_USAGE},
    {"divergence=2", "goes with the autoencoder", IMPASTO_ERROR_USAGE},
    {"codes=1", "two categories", IMPASTO_ERROR_USAGE},
    {"latent=8 kinds=9", "a number of --latent each", IMPASTO_ERROR_USAGE},
    {"preset=vae-28 kinds=2", "of one kind", IMPASTO_ERROR_USAGE},
    {"conditional=concatenation classes=1", "2 classes", IMPASTO_ERROR_USAGE},
    {"preset=dcgan-64", "28 x 28", IMPASTO_ERROR_INPUT},
    {"data=/nowhere", "/nowhere", IMPASTO_ERROR_INPUT},
    {"start=/nowhere.safetensors", "/nowhere.safetensors", IMPASTO_ERROR_INPUT},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    struct job *job = job_new (cases[i].words);
    g_assert_false (job_run (job, &error));
    check_error (error, cases[i].code, cases[i].text);
    job_free (job);
  }
}

int
main (int argc, char **argv)
{
  bars_begin (&argc, &argv);
  for (int i = 0; gan_loss_names[i]; i++) {
    g_autofree char *path = g_strdup_printf ("/gan_recipe/loss/%s", gan_loss_names[i]);
    g_test_add_data_func (path, gan_loss_names[i], test_loss);
  }
  g_test_add_data_func ("/gan_recipe/classes/concatenation", "concatenation", test_learns_classes);
  g_test_add_data_func ("/gan_recipe/classes/normalisation", "normalisation", test_learns_classes);
  g_test_add_func ("/gan_recipe/autoencoder", test_autoencoder_learns);
  g_test_add_func ("/gan_recipe/lazy_r1", test_lazy_r1);
  g_test_add_func ("/gan_recipe/gradient_penalty", test_gradient_penalty);
  g_test_add_func ("/gan_recipe/spectral", test_spectral);
  g_test_add_func ("/gan_recipe/adaptive", test_adaptive);
  g_test_add_func ("/gan_recipe/one_class", test_one_class);
  g_test_add_func ("/gan_recipe/watchdog/data", test_watchdog_data);
  g_test_add_func ("/gan_recipe/watchdog/rescue", test_watchdog_rescue);
  g_test_add_data_func ("/gan_recipe/watchdog/judge", GINT_TO_POINTER (WATCHDOG_JUDGE), test_watchdog_all);
  g_test_add_data_func ("/gan_recipe/watchdog/collapse", GINT_TO_POINTER (WATCHDOG_COLLAPSE), test_watchdog_all);
  g_test_add_func ("/gan_recipe/defaults", test_defaults);
  g_test_add_func ("/gan_recipe/schedule", test_schedule);
  g_test_add_func ("/gan_recipe/warm_up", test_warm_up);
  g_test_add_func ("/gan_recipe/code_begins", test_code_begins);
  g_test_add_func ("/gan_recipe/refused", test_refused);
  return bars_run ();
}
