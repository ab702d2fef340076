/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of sets of samples against sets of real pictures. What the eye sees of a picture comes in parts (the taps of
 * a feature network); each is taken in units of its root mean square over the real pictures, so that no depth speaks
 * for all. Where the eye is a classifier, classes are counted as it reads them. */
#include <math.h>
#include <string.h>

#include "effect/options.h"
#include "effect/sets_eye.h"
#include "train/dataset.h"
#include "train/fidelity.h"

#define LEAST 5      /* pictures of a class in either set */
#define NEIGHBOURS 3 /* of precision and recall */
#define SUBSETS 10   /* of the kernel distance */
#define SUBSET 1000

struct sets_settings {
  char *reals;
  int64_t crop, nearest;
  bool classes;
};

static const struct option sets_options[] = {
  {"reals", OPTION_STRING, offsetof (struct sets_settings, reals),
   "what the samples should be like: a folder, class folders or an IDX file", .metavar = "PLACE"},
  {"crop", OPTION_INT, offsetof (struct sets_settings, crop),
   "side of the middle squares that are looked at, pixels; a classifier has its own", 16, 1024, 64},
  {"classes", OPTION_BOOL, offsetof (struct sets_settings, classes),
   "both come in classes: figures for each as well (class folders, IDX labels)"},
  {"nearest", OPTION_INT, offsetof (struct sets_settings, nearest),
   "name so many samples with their nearest real pictures, the nearest first", 0, 1e6, 0},
  {NULL},
};

/* One of the two sets: what was seen of the pictures that can be used. */
struct side {
  struct dataset *data;
  GArray *x;      /* float, (n,d) */
  GArray *p;      /* float, (n,classes): how likely each is, to a classifier */
  GArray *places; /* guint: which picture of data a row is */
  GArray *labels; /* int */
};

struct sets {
  struct eye eye;
  struct side real, fake;
  guint done, all;
  ImpastoDataFunc func;
  gpointer data;
  GString *notes;
};

void
impasto_eval_sets_options (ImpastoOptions *options)
{
  options_add (options, "Sets of samples", sets_options, sizeof (struct sets_settings));
}

/* Looks at every picture of a set; those that cannot be used are notes. */
static bool
look_at (struct sets *sets, struct side *side, GError **error)
{
  struct tensor *input = plan_input (sets->eye.plan, "picture");
  size_t floats = (size_t) shape_size (&input->shape) / EYE_BATCH;
  float *pictures = tensor_floats (input);
  int n = 0;

  for (guint i = 0; i < dataset_count (side->data); i++) {
    g_autoptr (GError) local = NULL;
    int label;
    if (dataset_picture (side->data, i, pictures + (size_t) n * floats, &label, &local)) {
      g_array_append_val (side->places, i);
      g_array_append_val (side->labels, label);
      n++;
    } else if (!g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_INPUT)) {
      g_propagate_error (error, g_steal_pointer (&local));
      return false;
    }
    if (n == EYE_BATCH) {
      eye_look (&sets->eye, n, side->x, side->p);
      n = 0;
    }
    if (sets->func && !sets->func (++sets->done, sets->all, sets->data)) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED, "stopped before every picture was looked at");
      return false;
    }
  }
  if (n > 0)
    eye_look (&sets->eye, n, side->x, side->p);
  g_auto (GStrv) lines = dataset_report (side->data);
  for (char **line = lines; *line; line++)
    g_string_append_printf (sets->notes, "left out: %s\n", *line);
  return true;
}

/* Each part in units of its root mean square over the real pictures. */
static void
scale_parts (struct sets *sets)
{
  struct side *const sides[] = {&sets->real, &sets->fake};
  int64_t d = sets->eye.d, first = 0;

  for (int part = 0; part < sets->eye.n_parts; part++) {
    int64_t c = sets->eye.part[part];
    double square = 0;
    for (int64_t i = 0; i < (int64_t) sets->real.places->len; i++)
      for (int64_t k = first; k < first + c; k++) {
        float x = g_array_index (sets->real.x, float, i *d + k);
        square += (double) x * x;
      }
    double unit = sqrt (square / ((double) sets->real.places->len * (double) c) + 1e-20);
    for (int s = 0; s < 2; s++)
      for (int64_t i = 0; i < (int64_t) sides[s]->places->len; i++)
        for (int64_t k = first; k < first + c; k++)
          g_array_index (sides[s]->x, float, i *d + k) /= (float) unit;
    first += c;
  }
}

/* The rows of a class, or all when @label is -1; to be freed. */
static struct rows
rows_of (const struct side *side, int label)
{
  float *x = g_new (float, MAX (side->x->len, 1));
  struct rows rows = {.x = x, .d = side->places->len ? side->x->len / side->places->len : 0};

  for (guint i = 0; i < side->places->len; i++)
    if (label < 0 || g_array_index (side->labels, int, i) == label)
      memcpy (x + rows.n++ * rows.d, &g_array_index (side->x, float, i *rows.d), (size_t) rows.d * sizeof *x);
  return rows;
}

static void
add (ImpastoSetFigures *set, const char *name, double value)
{
  set->figure[set->n_figures++] = (ImpastoFigure){name, value};
}

/* The figures of one pair of sets. */
static bool
measure (const struct rows *real, const struct rows *fake, const char *name, GPtrArray *into, GError **error)
{
  double frechet, kernel, deviation, precision, recall;
  struct memorisation repeated;

  if (!fidelity_frechet (real, fake, &frechet, error) ||
      !fidelity_kernel (real, fake, SUBSETS, SUBSET, 1, &kernel, &deviation, error) ||
      !fidelity_precision (real, fake, NEIGHBOURS, &precision, &recall, error) ||
      !fidelity_memorisation (real, fake, &repeated, NULL, error))
    return false;
  ImpastoSetFigures *set = g_new0 (ImpastoSetFigures, 1);
  set->name = g_strdup (name);
  set->n_reals = (guint) real->n;
  set->n_samples = (guint) fake->n;
  add (set, "frechet", frechet);
  add (set, "kernel", kernel);
  add (set, "precision", precision);
  add (set, "recall", recall);
  add (set, "to_real", repeated.sample_distance);
  add (set, "among_real", repeated.real_distance);
  add (set, "copies", repeated.close_share);
  g_ptr_array_add (into, set);
  return true;
}

static int
find_class (const struct dataset *data, const char *name)
{
  for (int k = 0; k < dataset_classes (data); k++)
    if (g_str_equal (dataset_class_name (data, k), name))
      return k;
  return -1;
}

static bool
measure_classes (struct sets *sets, ImpastoSetReport *report, GError **error)
{
  for (int k = 0; k < dataset_classes (sets->real.data); k++) {
    const char *name = dataset_class_name (sets->real.data, k);
    int other = find_class (sets->fake.data, name);
    struct rows real = rows_of (&sets->real, k), fake = other >= 0 ? rows_of (&sets->fake, other) : (struct rows){0};
    bool ok = true;
    if (real.n >= LEAST && fake.n >= LEAST)
      ok = measure (&real, &fake, name, report->sets, error);
    else
      g_string_append_printf (sets->notes,
                              "class %s: %" G_GINT64_FORMAT " real pictures and %" G_GINT64_FORMAT
                              " samples are too few for figures\n",
                              name, real.n, fake.n);
    g_free ((float *) real.x);
    g_free ((float *) fake.x);
    if (!ok)
      return false;
  }
  return true;
}

static int
compare_neighbours (gconstpointer a, gconstpointer b)
{
  double x = (*(const ImpastoNeighbour *const *) a)->distance, y = (*(const ImpastoNeighbour *const *) b)->distance;

  return (x > y) - (x < y);
}

static bool
name_nearest (struct sets *sets, const struct rows *real, const struct rows *fake, guint most, ImpastoSetReport *report,
              GError **error)
{
  g_autofree struct neighbour *nearest = g_new (struct neighbour, fake->n + 1);

  if (!fidelity_nearest (fake, real, nearest, error))
    return false;
  for (int64_t i = 0; i < fake->n && most > 0; i++) {
    ImpastoNeighbour *neighbour = g_new (ImpastoNeighbour, 1);
    *neighbour = (ImpastoNeighbour){
      .sample = dataset_name (sets->fake.data, g_array_index (sets->fake.places, guint, i)),
      .real = dataset_name (sets->real.data, g_array_index (sets->real.places, guint, nearest[i].row)),
      .distance = nearest[i].distance,
    };
    g_ptr_array_add (report->nearest, neighbour);
  }
  g_ptr_array_sort (report->nearest, compare_neighbours);
  if (report->nearest->len > most)
    g_ptr_array_set_size (report->nearest, (gint) most);
  return true;
}

static void
set_free (gpointer data)
{
  ImpastoSetFigures *set = data;
  g_free (set->name);
  g_free (set);
}

static void
neighbour_free (gpointer data)
{
  ImpastoNeighbour *neighbour = data;
  g_free (neighbour->sample);
  g_free (neighbour->real);
  g_free (neighbour);
}

static void
class_free (gpointer data)
{
  ImpastoClassShare *share = data;
  g_free (share->name);
  g_free (share);
}

/* The class that @side's row @i is read as, and how surely. */
static int
read_class (const struct sets *sets, const struct side *side, guint i, double *confidence)
{
  int n = sets->eye.n_classes, best = 0;
  const float *p = &g_array_index (side->p, float, i *n);
  for (int k = 1; k < n; k++)
    best = p[k] > p[best] ? k : best;
  *confidence = p[best];
  return best;
}

/* The class of the eye that class @label of @side's data is by its name; -1: none. */
static int
own_class (const struct sets *sets, const struct side *side, int label)
{
  for (int k = 0; label < dataset_classes (side->data) && k < sets->eye.n_classes; k++)
    if (g_str_equal (sets->eye.names->pdata[k], dataset_class_name (side->data, label)))
      return k;
  return -1;
}

/* Counts one side. */
static void
count_classes (const struct sets *sets, const struct side *side, guint *count, double *confidence, guint *meant,
               guint *right)
{
  for (guint i = 0; i < side->places->len; i++) {
    double sure;
    int class = read_class (sets, side, i, &sure);
    int own = own_class (sets, side, g_array_index (side->labels, int, i));
    count[class]++;
    confidence[class] += sure;
    if (own >= 0) {
      meant[own]++;
      right[own] += class == own;
    }
  }
}

/* Adds a row a class: its share of either side, as the classifier reads it. */
static void
cover_classes (const struct sets *sets, ImpastoSetReport *report)
{
  int n = sets->eye.n_classes;
  g_autofree guint *counts = g_new0 (guint, 6 * MAX (n, 1));
  g_autofree double *sure = g_new0 (double, 2 * MAX (n, 1));
  if (n == 0)
    return;
  count_classes (sets, &sets->real, counts, sure, counts + n, counts + 2 * n);
  count_classes (sets, &sets->fake, counts + 3 * n, sure + n, counts + 4 * n, counts + 5 * n);
  for (int k = 0; k < n; k++) {
    ImpastoClassShare *share = g_new (ImpastoClassShare, 1);
    guint seen = counts[3 * n + k], meant = counts[4 * n + k];
    *share = (ImpastoClassShare){
      .name = g_strdup (sets->eye.names->pdata[k]),
      .samples = (double) seen / sets->fake.places->len,
      .reals = (double) counts[k] / sets->real.places->len,
      .confidence = seen ? sure[n + k] / seen : 0,
      .agreement = meant ? (double) counts[5 * n + k] / meant : -1,
    };
    g_ptr_array_add (report->classes, share);
    report->confidence += sure[n + k] / sets->fake.places->len;
  }
}

void
impasto_set_report_free (ImpastoSetReport *report)
{
  if (!report)
    return;
  g_ptr_array_unref (report->classes);
  g_ptr_array_unref (report->sets);
  g_ptr_array_unref (report->nearest);
  g_free (report->notes);
  g_free (report);
}

static bool
open_side (struct side *side, const char *path, const struct eye *eye, bool classes, GError **error)
{
  const struct dataset_options options = {.size = eye->side,
                                          .channels = eye->channels,
                                          .batch = 1,
                                          .ahead = 1,
                                          .threads = 1,
                                          .cache_bytes = 1,
                                          .classes = classes};
  side->data = dataset_open (path, &options, error);
  side->p = g_array_new (FALSE, FALSE, sizeof (float));
  side->x = g_array_new (FALSE, FALSE, sizeof (float));
  side->places = g_array_new (FALSE, FALSE, sizeof (guint));
  side->labels = g_array_new (FALSE, FALSE, sizeof (int));
  return side->data != NULL;
}

static void
close_side (struct side *side)
{
  dataset_free (side->data);
  g_clear_pointer (&side->x, g_array_unref);
  g_clear_pointer (&side->p, g_array_unref);
  g_clear_pointer (&side->places, g_array_unref);
  g_clear_pointer (&side->labels, g_array_unref);
}

static bool
evaluate (struct sets *sets, const struct sets_settings *settings, ImpastoSetReport *report, GError **error)
{
  sets->all = dataset_count (sets->real.data) + dataset_count (sets->fake.data);
  if (!look_at (sets, &sets->real, error) || !look_at (sets, &sets->fake, error))
    return false;
  if (sets->real.places->len == 0 || sets->fake.places->len == 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "none of the %s can be used",
                 sets->real.places->len ? "samples" : "real pictures");
    return false;
  }
  g_autofree char *name = eye_name (&sets->eye);
  g_string_append_printf (
    sets->notes, "figures are of the features of %s (%d), squares of %d pixels; they do not compare with Inception's\n",
    name, (int) sets->eye.d, sets->eye.side);
  scale_parts (sets);
  cover_classes (sets, report);
  struct rows real = rows_of (&sets->real, -1), fake = rows_of (&sets->fake, -1);
  bool ok = measure (&real, &fake, "all", report->sets, error) &&
            (!settings->classes || measure_classes (sets, report, error)) &&
            name_nearest (sets, &real, &fake, (guint) settings->nearest, report, error);
  g_free ((float *) real.x);
  g_free ((float *) fake.x);
  return ok;
}

ImpastoSetReport *
impasto_eval_sets (const char *samples, const ImpastoOptions *options, ImpastoDataFunc func, gpointer data,
                   GError **error)
{
  const struct sets_settings *settings = options_settings (options, sets_options);
  g_return_val_if_fail (settings && settings->reals, NULL);
  struct sets sets = {.func = func, .data = data, .notes = g_string_new (NULL)};
  ImpastoSetReport *report = g_new0 (ImpastoSetReport, 1);
  g_autofree char *features = impasto_options_get (options, "features");
  report->sets = g_ptr_array_new_with_free_func (set_free);
  report->nearest = g_ptr_array_new_with_free_func (neighbour_free);
  report->classes = g_ptr_array_new_with_free_func (class_free);
  bool ok =
    eye_open (&sets.eye, features, (int) settings->crop, (int) impasto_options_get_int (options, "threads"), error) &&
    open_side (&sets.real, settings->reals, &sets.eye, settings->classes, error) &&
    open_side (&sets.fake, samples, &sets.eye, settings->classes, error) && evaluate (&sets, settings, report, error);
  report->notes = g_string_free (sets.notes, FALSE);
  close_side (&sets.real);
  close_side (&sets.fake);
  eye_close (&sets.eye);
  if (!ok)
    g_clear_pointer (&report, impasto_set_report_free);
  return report;
}
