/* SPDX-License-Identifier: Apache-2.0
 *
 * The watchdog on figures made up: each trouble is called within its number of steps and not without it, by what it
 * knows from a checkpoint too; labels that go with pictures pass, those that were shuffled do not. */
#include <math.h>
#include <string.h>

#include "fixture.h"
#include "train/labels.h"
#include "train/trainer.h"

static const struct watch_row rows[] = {
  {"gradient", WATCHDOG_EXPLOSION, WATCH_JUMPS, 100, 3, 0.2, 0},
  {"doubt", WATCHDOG_EXPLOSION, WATCH_ABOVE, 1.5, 5, 0.05, 0},
  {"doubt", WATCHDOG_JUDGE, WATCH_BELOW, 0.02, 50, 2, 60},
  {"diversity", WATCHDOG_COLLAPSE, WATCH_BELOW, 0.1, 4, 1, 40},
  {NULL},
};

struct kennel {
  struct weights *weights;
  struct watchdog *watchdog;
  char *what;
  bool all; /* acts on all */
};

static void
kennel_open (struct kennel *kennel, const struct watch_row *watches)
{
  g_autoptr (GError) error = NULL;
  if (!kennel->weights)
    kennel->weights = weights_new ();
  kennel->watchdog = watchdog_new (kennel->weights, watches, kennel->all, &error);
  g_assert_no_error (error);
}

static void
kennel_close (struct kennel *kennel)
{
  g_clear_pointer (&kennel->watchdog, watchdog_free);
  g_clear_pointer (&kennel->what, g_free);
}

static enum watchdog_trouble
show (struct kennel *kennel, double gradient, double doubt, double diversity)
{
  struct train_stats stats = {4, {"loss", "gradient", "doubt", "diversity"}, {1, gradient, doubt, diversity}};
  g_clear_pointer (&kennel->what, g_free);
  return watchdog_see (kennel->watchdog, &stats, &kennel->what);
}

/* Steps of such figures until there is trouble, at most @most; 0: none. */
static int
steps_until (struct kennel *kennel, int most, double gradient, double doubt, double diversity, int trouble)
{
  for (int i = 1; i <= most; i++) {
    int seen = show (kennel, gradient * (1 + 0.5 * sin (i)), doubt, diversity);
    g_assert_true (seen == WATCHDOG_WELL || seen == trouble);
    if (seen)
      return i;
  }
  return 0;
}

static void
test_troubles (void)
{
  struct kennel kennel = {0};
  kennel_open (&kennel, rows);
  g_assert_cmpint (steps_until (&kennel, 500, 2, 0.5, 0.7, WATCHDOG_WELL), ==, 0);
  g_assert_true (watchdog_calm (kennel.watchdog));
  g_assert_cmpint (steps_until (&kennel, 10, 1000, 0.5, 0.7, WATCHDOG_EXPLOSION), ==, 3);
  g_assert_nonnull (strstr (kennel.what, "gradient"));
  g_assert_false (watchdog_calm (kennel.watchdog));
  g_assert_cmpint (steps_until (&kennel, 100, 2, 0.5, 0.7, WATCHDOG_WELL), ==, 0);
  g_assert_cmpint (steps_until (&kennel, 100, 2, 0.01, 0.7, WATCHDOG_JUDGE), ==, 50);
  g_assert_cmpint (steps_until (&kennel, 100, 2, 0.5, 0.7, WATCHDOG_WELL), ==, 0);
  g_assert_cmpint (steps_until (&kennel, 100, 2, 0.5, 0.05, WATCHDOG_COLLAPSE), ==, 4);
  g_assert_cmpint (show (&kennel, NAN, 0.5, 0.7), ==, WATCHDOG_NAN);
  g_assert_cmpstr (kennel.what, ==, "gradient became NaN");
  g_assert_cmpint (show (&kennel, 2, INFINITY, 0.7), ==, WATCHDOG_NAN);
  kennel_close (&kennel);
  weights_unref (kennel.weights);
}

/* A judge that is thrown about is wrong now and then: one step in five is enough, one in fifty is not. */
static void
test_now_and_then (void)
{
  struct kennel kennel = {0};
  int at = 0;
  kennel_open (&kennel, rows);
  for (int i = 0; i < 1000; i++)
    g_assert_cmpint (show (&kennel, 2, i % 50 ? 0.5 : 3, 0.7), ==, WATCHDOG_WELL);
  for (int i = 1; i < 60 && !at; i++)
    at = show (&kennel, 2, i % 5 ? 0.5 : 3, 0.7) == WATCHDOG_EXPLOSION ? i : 0;
  g_assert_true (at > 10 && at <= 40);
  kennel_close (&kennel);
  weights_unref (kennel.weights);
}

/* A judge that begins far worse than guessing, or gets there smoothly, is not thrown about; later it still can be. */
static void
test_high (void)
{
  struct kennel kennel = {0};
  kennel_open (&kennel, rows);
  for (int i = 0; i < 300; i++)
    g_assert_cmpint (show (&kennel, 2, 2.5 + 0.5 * sin (i), 0.7), ==, WATCHDOG_WELL);
  g_assert_cmpint (steps_until (&kennel, 10, 2, 25, 0.7, WATCHDOG_EXPLOSION), ==, 5);
  kennel_close (&kennel);
  g_clear_pointer (&kennel.weights, weights_unref);
  kennel_open (&kennel, rows);
  for (int i = 0; i < 300; i++)
    g_assert_cmpint (show (&kennel, 2, 4 - 3 * exp (-i / 20.0), 0.7), ==, WATCHDOG_WELL);
  g_assert_true (watchdog_calm (kennel.watchdog));
  kennel_close (&kennel);
  weights_unref (kennel.weights);
}

/* Coming back from nearly nothing is no explosion; and what is acted on, and warned of once. */
static void
test_quiet (void)
{
  struct kennel kennel = {0};
  kennel_open (&kennel, rows);
  g_assert_cmpint (steps_until (&kennel, 10, 2, 0.5, 0.7, WATCHDOG_WELL), ==, 0);
  g_assert_cmpint (steps_until (&kennel, 300, 1e-5, 0.5, 0.7, WATCHDOG_WELL), ==, 0);
  g_assert_cmpint (steps_until (&kennel, 300, 2, 0.5, 0.7, WATCHDOG_WELL), ==, 0);
  for (int trouble = WATCHDOG_NAN; trouble < WATCHDOG_TROUBLES; trouble++) {
    bool doubtful = trouble == WATCHDOG_JUDGE || trouble == WATCHDOG_COLLAPSE;
    g_assert_true (watchdog_acts (kennel.watchdog, trouble) == !doubtful);
    g_assert_true (watchdog_warns (kennel.watchdog, trouble));
    g_assert_false (watchdog_warns (kennel.watchdog, trouble));
  }
  g_assert_cmpint (steps_until (&kennel, 40, 2, 0.01, 0.7, WATCHDOG_WELL), ==, 0);
  g_assert_true (watchdog_calm (kennel.watchdog)); /* a warning in the making holds no checkpoint up */
  kennel_close (&kennel);
  kennel.all = true;
  kennel_open (&kennel, rows);
  g_assert_false (watchdog_calm (kennel.watchdog));
  g_assert_true (watchdog_acts (kennel.watchdog, WATCHDOG_COLLAPSE));
  g_assert_false (watchdog_acts (kennel.watchdog, WATCHDOG_WELL));
  kennel_close (&kennel);
  weights_unref (kennel.weights);
}

/* What begins low is given time, and is watched as soon as it has been well. */
static void
test_grace (void)
{
  struct kennel kennel = {0};
  kennel_open (&kennel, rows);
  g_assert_cmpint (steps_until (&kennel, 100, 2, 0.5, 0.01, WATCHDOG_COLLAPSE), ==, 44);
  kennel_close (&kennel);
  g_clear_pointer (&kennel.weights, weights_unref);
  kennel_open (&kennel, rows);
  g_assert_cmpint (steps_until (&kennel, 5, 2, 0.5, 0.3, WATCHDOG_WELL), ==, 0);
  g_assert_cmpint (steps_until (&kennel, 100, 2, 0.5, 0.01, WATCHDOG_COLLAPSE), ==, 4);
  kennel_close (&kennel);
  weights_unref (kennel.weights);
}

/* All it knows is in the weights: stopped in the middle of a count, it goes on counting. */
static void
test_state (void)
{
  struct kennel kennel = {0};
  kennel_open (&kennel, rows);
  g_assert_cmpint (steps_until (&kennel, 60, 2, 0.5, 0.7, WATCHDOG_WELL), ==, 0);
  g_assert_cmpint (steps_until (&kennel, 30, 2, 0.01, 0.7, WATCHDOG_WELL), ==, 0);
  watchdog_set_good (kennel.watchdog, 1234);
  watchdog_add_rescue (kennel.watchdog, WATCHDOG_EXPLOSION);
  watchdog_add_rescue (kennel.watchdog, WATCHDOG_EXPLOSION);
  watchdog_add_rescue (kennel.watchdog, WATCHDOG_COLLAPSE);
  kennel_close (&kennel);
  kennel_open (&kennel, rows);
  g_assert_cmpint (watchdog_good (kennel.watchdog), ==, 1234);
  g_assert_cmpint (watchdog_rescues (kennel.watchdog, WATCHDOG_EXPLOSION), ==, 2);
  g_assert_cmpint (watchdog_rescues (kennel.watchdog, WATCHDOG_WELL), ==, 3);
  g_assert_cmpfloat (watchdog_rate (kennel.watchdog), ==, 1.0 / 32);
  g_assert_cmpfloat (watchdog_rate (NULL), ==, 1);
  g_assert_cmpint (steps_until (&kennel, 100, 2, 0.01, 0.7, WATCHDOG_JUDGE), ==, 20);
  kennel_close (&kennel);
  weights_unref (kennel.weights);
}

/* A recipe without a table: its first figure. */
static void
test_any_recipe (void)
{
  struct kennel kennel = {0};
  kennel_open (&kennel, NULL);
  for (int i = 0; i < 50; i++) {
    struct train_stats stats = {2, {"loss", "content"}, {3 + sin (i), 1e6 * i}};
    g_assert_cmpint (watchdog_see (kennel.watchdog, &stats, &kennel.what), ==, WATCHDOG_WELL);
  }
  struct train_stats wild = {1, {"loss"}, {-1e4}};
  int at = 0;
  while (watchdog_see (kennel.watchdog, &wild, &kennel.what) == WATCHDOG_WELL)
    at++;
  g_assert_cmpint (at, ==, 2);
  kennel_close (&kennel);
  weights_unref (kennel.weights);
}

/* Labels: dark and bright pictures, named so; then in other order */

#define SIDE 20
#define PICTURES 80

static void
write_idx (const char *name, const guint8 *head, int head_size, const guint8 *bytes, int n)
{
  g_autofree char *path = file (name);
  g_autoptr (GByteArray) all = g_byte_array_new ();
  g_byte_array_append (all, head, head_size);
  g_byte_array_append (all, bytes, n);
  g_assert_true (g_file_set_contents (path, (const char *) all->data, all->len, NULL));
}

static struct label_check
check (bool shuffled)
{
  static const guint8 pictures_head[] = {0, 0, 8, 3, 0, 0, 0, PICTURES, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
  static const guint8 labels_head[] = {0, 0, 8, 1, 0, 0, 0, PICTURES};
  g_autoptr (GError) error = NULL;
  g_autofree guint8 *pixels = g_malloc (PICTURES * SIDE * SIDE);
  guint8 labels[PICTURES];
  for (int i = 0; i < PICTURES * SIDE * SIDE; i++)
    pixels[i] = 60 + 90 * (i / SIDE / SIDE % 2) + (i * 7919 + i / 13) % 50;
  for (int i = 0; i < PICTURES; i++)
    labels[i] = shuffled ? i / 2 % 2 : i % 2;
  write_idx ("a-images-idx3-ubyte", pictures_head, 16, pixels, PICTURES * SIDE * SIDE);
  write_idx ("a-labels-idx1-ubyte", labels_head, 8, labels, PICTURES);
  g_autofree char *path = file ("a-images-idx3-ubyte");
  struct dataset_options options = {
    .size = SIDE, .channels = 1, .batch = 4, .zoom = 1, .rotation = -1, .keep_handedness = true, .classes = true};
  g_autoptr (dataset) dataset = dataset_open (path, &options, &error);
  g_assert_no_error (error);
  struct label_check result;
  label_check (dataset, SIDE, 1, &result, &error);
  g_assert_no_error (error);
  g_test_message ("%d pictures agree by %g, chance %g", result.n, result.agreement, result.chance);
  return result;
}

static void
test_labels (void)
{
  struct label_check right = check (false), wrong = check (true), few = {.n = 20, .chance = 0.25};
  g_assert_cmpint (right.n, ==, PICTURES);
  g_assert_cmpfloat_with_epsilon (right.chance, 0.5, 1e-9);
  g_assert_cmpfloat (right.agreement, ==, 1);
  g_assert_true (label_check_passes (&right));
  g_assert_cmpfloat (wrong.agreement, <, 0.67);
  g_assert_false (label_check_passes (&wrong));
  g_assert_true (label_check_passes (&few));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder_make ();
  g_test_add_func ("/watchdog/troubles", test_troubles);
  g_test_add_func ("/watchdog/now_and_then", test_now_and_then);
  g_test_add_func ("/watchdog/high", test_high);
  g_test_add_func ("/watchdog/quiet", test_quiet);
  g_test_add_func ("/watchdog/grace", test_grace);
  g_test_add_func ("/watchdog/state", test_state);
  g_test_add_func ("/watchdog/any_recipe", test_any_recipe);
  g_test_add_func ("/watchdog/labels", test_labels);
  int failed = g_test_run ();
  folder_remove ();
  return failed;
}
