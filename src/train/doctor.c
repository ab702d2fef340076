/* SPDX-License-Identifier: Apache-2.0
 *
 * The dataset doctor. Threads gather the facts of each picture; then they are judged in order, so that the report does
 * not depend on who was first.
 *
 * The same picture in another file is found by thumbnails: their mean difference is small, and small against the
 * contrast within, since dark pictures are all alike. It is at least the difference of their means, so only pictures
 * that are neighbours in order of brightness need to be compared. */
#include "train/doctor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "image/picture.h"
#include "impasto/error.h"
#include "train/collection.h"
#include "train/dataset.h"

#define THUMB 16 /* cells of a thumbnail's side */
#define CELLS (THUMB * THUMB * 3)
#define ALIKE 8           /* mean difference of the same picture's thumbnails, of 255, at most */
#define ALIKE_CONTRAST 8  /* and as a part of their mean deviation: an eighth */
#define GREY_LEVELS 3     /* channels of a thumbnail are that near to each other in a grey picture */
#define BLANK_LEVELS 2    /* cells are that near in a blank one */
#define ODD_ASPECT 2.5    /* longer side over shorter */
#define UNEVEN 10         /* a class is small below a tenth of the largest */
#define TELL_EVERY 100000 /* microseconds */

const char *const doctor_names[] = {"damaged",   "tiny",    "small",  "odd",   "grey", "alpha", "blank",
                                    "duplicate", "similar", "beside", "class", "few",  NULL};

struct facts {
  char *problem;     /* why it cannot be decoded, or NULL */
  int width, height; /* upright */
  bool grey_file, alpha;
  char *digest; /* of its bytes */
  uint8_t thumb[CELLS];
  int sum, deviation; /* of the thumbnail: its cells, their distances from the mean */
};

struct doctor {
  const struct doctor_options *options;
  struct collection *collection;
  guint n;
  struct facts *facts; /* n */
  struct doctor_report *report;
  gint done; /* atomic */
  gint stop; /* atomic */
};

/* Facts */

/* Means over THUMB x THUMB cells of the bitmap. */
static void
shrink (const struct bitmap *bitmap, uint8_t *out)
{
  for (int y = 0; y < THUMB; y++)
    for (int x = 0; x < THUMB; x++) {
      int x0 = (int) ((int64_t) x * bitmap->width / THUMB), x1 = (int) ((int64_t) (x + 1) * bitmap->width / THUMB);
      int y0 = (int) ((int64_t) y * bitmap->height / THUMB), y1 = (int) ((int64_t) (y + 1) * bitmap->height / THUMB);
      int64_t sum[3] = {0}, n = 0;

      for (int v = y0; v < MAX (y1, y0 + 1); v++)
        for (int u = x0; u < MAX (x1, x0 + 1); u++, n++)
          for (int c = 0; c < 3; c++)
            sum[c] += bitmap->rgb[3 * ((int64_t) v * bitmap->width + u) + c];
      for (int c = 0; c < 3; c++)
        out[3 * (y * THUMB + x) + c] = (uint8_t) ((sum[c] + n / 2) / n);
    }
}

static char *
digest_of (const char *path, const struct bitmap *bitmap)
{
  g_autoptr (GMappedFile) file = path ? g_mapped_file_new (path, FALSE, NULL) : NULL;

  if (file)
    return g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) g_mapped_file_get_contents (file),
                                        g_mapped_file_get_length (file));
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, bitmap->rgb,
                                      3 * (gsize) bitmap->width * (gsize) bitmap->height);
}

/* Decoded at the size that training decodes it at. */
static void
gather (const struct doctor *doctor, guint i)
{
  struct facts *facts = &doctor->facts[i];
  const char *path = collection_path (doctor->collection, i);
  g_autoptr (GError) error = NULL;
  struct picture_info info = {.grey = true};
  g_autoptr (bitmap) bitmap = NULL;

  if (!path)
    collection_extent (doctor->collection, &info.width, &info.height);
  if (!path || picture_probe (path, 0, &info, &error))
    bitmap = collection_load (doctor->collection, i, doctor->options->size, &error);
  if (!bitmap) {
    facts->problem = g_strdup (error->message);
    return;
  }
  facts->width = info.width;
  facts->height = info.height;
  facts->grey_file = info.grey;
  facts->alpha = info.alpha && path && picture_shows_through (path, 0);
  facts->digest = digest_of (path, bitmap);
  shrink (bitmap, facts->thumb);
  for (int k = 0; k < CELLS; k++)
    facts->sum += facts->thumb[k];
  for (int k = 0; k < CELLS; k++)
    facts->deviation += abs (facts->thumb[k] - facts->sum / CELLS);
}

static void
gather_in_thread (gpointer place, gpointer data)
{
  struct doctor *doctor = data;

  if (!g_atomic_int_get (&doctor->stop))
    gather (doctor, GPOINTER_TO_UINT (place) - 1);
  g_atomic_int_inc (&doctor->done);
}

static bool
gather_all (struct doctor *doctor, doctor_progress_fn progress, void *data, GError **error)
{
  int threads = doctor->options->threads > 0 ? doctor->options->threads : (int) g_get_num_processors ();
  GThreadPool *pool = g_thread_pool_new (gather_in_thread, doctor, threads, TRUE, error);

  if (!pool)
    return false;
  for (guint i = 0; i < doctor->n; i++)
    g_thread_pool_push (pool, GUINT_TO_POINTER (i + 1), NULL);
  while (progress && !doctor->stop && g_atomic_int_get (&doctor->done) < (gint) doctor->n) {
    if (!progress ((guint) g_atomic_int_get (&doctor->done), doctor->n, data))
      g_atomic_int_set (&doctor->stop, true);
    g_usleep (TELL_EVERY / 10);
  }
  g_thread_pool_free (pool, FALSE, TRUE);
  if (doctor->stop)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED, "stopped before every picture was looked at");
  return !doctor->stop;
}

/* Judgement */

static void find (struct doctor *doctor, enum doctor_kind kind, const char *name, const char *format, ...)
  G_GNUC_PRINTF (4, 5);

static void
find (struct doctor *doctor, enum doctor_kind kind, const char *name, const char *format, ...)
{
  struct doctor_finding finding = {.kind = kind, .name = g_strdup (name)};
  va_list args;

  va_start (args, format);
  finding.text = g_strdup_vprintf (format, args);
  va_end (args);
  g_array_append_val (doctor->report->findings, finding);
  doctor->report->count[kind]++;
}

static bool
is_blank (const struct facts *facts)
{
  for (int c = 0; c < 3; c++) {
    int least = 255, most = 0;
    for (int i = c; i < CELLS; i += 3) {
      least = MIN (least, facts->thumb[i]);
      most = MAX (most, facts->thumb[i]);
    }
    if (most - least > BLANK_LEVELS)
      return false;
  }
  return true;
}

static bool
is_grey (const struct facts *facts)
{
  for (int i = 0; i < CELLS; i += 3) {
    const uint8_t *cell = facts->thumb + i;
    if (abs (cell[0] - cell[1]) > GREY_LEVELS || abs (cell[1] - cell[2]) > GREY_LEVELS)
      return false;
  }
  return true;
}

static bool
looks_like (const struct facts *a, const struct facts *b)
{
  double aspect = (double) a->width * b->height / ((double) a->height * b->width);
  int most = MIN (ALIKE * CELLS, MIN (a->deviation, b->deviation) / ALIKE_CONTRAST), sum = 0;

  if (fabs (log (aspect)) > 0.06)
    return false;
  for (int i = 0; i < CELLS && sum <= most; i++)
    sum += abs (a->thumb[i] - b->thumb[i]);
  return sum <= most;
}

static void
judge_size (struct doctor *doctor, const struct facts *facts, const char *name)
{
  int size = doctor->options->size, shorter = MIN (facts->width, facts->height),
      longer = MAX (facts->width, facts->height);

  if (shorter < dataset_smallest (size)) {
    find (doctor, DOCTOR_TINY, name, "only %d x %d pixels; left out: crops of %d want a shorter side of %d or more",
          facts->width, facts->height, size, dataset_smallest (size));
    return;
  }
  doctor->report->used++;
  if (shorter < size)
    find (doctor, DOCTOR_SMALL, name, "%d x %d pixels; enlarged %.2f times for crops of %d", facts->width,
          facts->height, (double) size / shorter, size);
  if (longer > ODD_ASPECT * shorter)
    find (doctor, DOCTOR_ODD, name, "%d x %d pixels; a crop is square and shows at most %d %% of it", facts->width,
          facts->height, (int) lround (100.0 * shorter / longer));
}

static void
judge_colors (struct doctor *doctor, const struct facts *facts, const char *name)
{
  bool file = collection_path (doctor->collection, 0) != NULL; /* MNIST is grey, and nobody is surprised */

  if (is_blank (facts))
    find (doctor, DOCTOR_BLANK, name, "one colour all over; taken like any other");
  else if (file && doctor->options->channels == 3 && facts->grey_file)
    find (doctor, DOCTOR_GREY, name, "grey; becomes three equal channels");
  else if (file && doctor->options->channels == 3 && is_grey (facts))
    find (doctor, DOCTOR_GREY, name, "without colour, though stored with it; taken as it is");
  if (facts->alpha)
    find (doctor, DOCTOR_ALPHA, name, "is not opaque everywhere; what is transparent is laid on white");
}

static int
compare_sums (gconstpointer a, gconstpointer b)
{
  const struct facts *const *x = a, *const *y = b;

  return (*x)->sum - (*y)->sum;
}

/* For each picture the earliest other that looks the same, or itself. Of pictures of folders only: those of an IDX file
 * are too alike. To be freed. */
static guint *
find_likes (struct doctor *doctor)
{
  guint *like = g_new (guint, doctor->n + 1);
  g_autofree const struct facts **order = g_new (const struct facts *, doctor->n + 1);
  guint n = 0;

  for (guint i = 0; i < doctor->n; i++) {
    like[i] = i;
    if (!doctor->facts[i].problem && collection_path (doctor->collection, i))
      order[n++] = &doctor->facts[i];
  }
  qsort (order, n, sizeof *order, compare_sums);
  for (guint a = 0; a < n; a++)
    for (guint b = a + 1; b < n && order[b]->sum - order[a]->sum <= ALIKE * CELLS; b++)
      if (looks_like (order[a], order[b])) {
        guint i = (guint) (order[a] - doctor->facts), k = (guint) (order[b] - doctor->facts);
        like[MAX (i, k)] = MIN (like[MAX (i, k)], MIN (i, k));
      }
  return like;
}

static void
judge_likeness (struct doctor *doctor, guint i, guint like, GHashTable *digests, const char *name)
{
  const struct facts *facts = &doctor->facts[i];
  gpointer place = g_hash_table_lookup (digests, facts->digest);

  if (place) {
    g_autofree char *other = collection_name (doctor->collection, GPOINTER_TO_UINT (place) - 1);
    find (doctor, DOCTOR_DUPLICATE, name, "the same as %s; shown that much more often", other);
    return;
  }
  g_hash_table_insert (digests, facts->digest, GUINT_TO_POINTER (i + 1));
  if (like != i && !is_blank (facts)) {
    g_autofree char *other = collection_name (doctor->collection, like);
    find (doctor, DOCTOR_SIMILAR, name, "looks like %s; shown that much more often", other);
  }
}

static void
judge_pictures (struct doctor *doctor)
{
  g_autoptr (GHashTable) digests = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree guint *likes = find_likes (doctor);

  for (guint i = 0; i < doctor->n; i++) {
    const struct facts *facts = &doctor->facts[i];
    g_autofree char *name = collection_name (doctor->collection, i);

    if (facts->problem) {
      const char *text = facts->problem; /* "path: what" */
      if (g_str_has_prefix (text, name) && g_str_has_prefix (text + strlen (name), ": "))
        text += strlen (name) + 2;
      find (doctor, DOCTOR_DAMAGED, name, "%s; left out", text);
      continue;
    }
    judge_size (doctor, facts, name);
    judge_colors (doctor, facts, name);
    judge_likeness (doctor, i, likes[i], digests, name);
  }
}

/* What is a picture by name alone. */
static void
judge_unread (struct doctor *doctor)
{
  for (const char *const *line = collection_unread (doctor->collection); *line; line++) {
    const char *colon = g_strrstr (*line, ": "); /* a name may have one */
    g_autofree char *name = g_strndup (*line, (gsize) (colon - *line));
    find (doctor, DOCTOR_DAMAGED, name, "%s; left out", colon + 2);
    doctor->report->pictures++;
  }
  doctor->report->pictures += collection_beside (doctor->collection);
}

/* Numbers that no label has: a line for all. */
static void
judge_empty_classes (struct doctor *doctor, const guint *count, int classes)
{
  int first = -1, empty = 0;

  for (int k = classes; k-- > 0;)
    if (count[k] == 0) {
      first = k;
      empty++;
    }
  if (empty == 0)
    return;
  g_autofree char *more = empty > 1 ? g_strdup_printf (" and %d more", empty - 1) : g_strdup ("");
  find (doctor, DOCTOR_CLASS, collection_class_name (doctor->collection, first),
        "a class without pictures%s; a network gets an output for it all the same", more);
}

static void
judge_classes (struct doctor *doctor, GString *summary)
{
  int classes = collection_classes (doctor->collection);
  g_autofree guint *count = g_new0 (guint, classes + 1);
  guint most = 0;

  for (guint i = 0; i < doctor->n && classes > 0; i++)
    count[collection_label (doctor->collection, i)]++;
  for (int k = 0; k < classes; k++)
    most = MAX (most, count[k]);
  for (int k = 0, shown = 0; k < classes; k++) {
    const char *name = collection_class_name (doctor->collection, k);
    if (count[k] == 0)
      continue;
    g_string_append_printf (summary, "%s%s %u", shown++ == 0 ? "classes: " : ", ", name, count[k]);
    if (count[k] * UNEVEN < most)
      find (doctor, DOCTOR_CLASS, name, "a class of %u, the largest has %u; it is shown that much less often", count[k],
            most);
  }
  if (classes == 0)
    return;
  if (most > 0)
    g_string_append_c (summary, '\n');
  judge_empty_classes (doctor, count, classes);
  if (collection_classes_met (doctor->collection) < 2)
    find (doctor, DOCTOR_CLASS,
          collection_class_name (doctor->collection, doctor->n ? collection_label (doctor->collection, 0) : 0),
          "the only class with pictures; training in classes wants two");
}

/* Summary */

static int
compare_ints (const void *a, const void *b)
{
  return *(const int *) a - *(const int *) b;
}

static void
append_sizes (struct doctor *doctor, GString *summary)
{
  g_autofree int *side = g_new (int, doctor->n + 1);
  guint n = 0;

  for (guint i = 0; i < doctor->n; i++)
    if (!doctor->facts[i].problem)
      side[n++] = MIN (doctor->facts[i].width, doctor->facts[i].height);
  if (n == 0)
    return;
  qsort (side, n, sizeof *side, compare_ints);
  struct doctor_report *report = doctor->report;
  report->shortest = side[0];
  report->middle = side[n / 2];
  report->longest = side[n - 1];
  if (report->shortest == report->longest)
    g_string_append_printf (summary, "; shorter side %u", report->shortest);
  else
    g_string_append_printf (summary, "; shorter side %u to %u, the middle one %u", report->shortest, report->longest,
                            report->middle);
}

static void
append_counts (const struct doctor *doctor, GString *summary, const char *head, int from, int to)
{
  guint beside = to == DOCTOR_SMALL ? collection_beside (doctor->collection) : 0;
  const char *between = head;

  for (int kind = from; kind < to; kind++)
    if (doctor->report->count[kind] > 0) {
      g_string_append_printf (summary, "%s%u %s", between, doctor->report->count[kind], doctor_names[kind]);
      between = ", ";
    }
  if (beside > 0) {
    g_string_append_printf (summary, "%s%u beside the class folders", between, beside);
    between = ", ";
  }
  if (between != head)
    g_string_append_c (summary, '\n');
}

/* A generator of one picture is that picture. */
static void
judge_number (struct doctor *doctor, const char *path)
{
  if (doctor->report->used == 1)
    find (doctor, DOCTOR_FEW, path,
          "one picture to learn from; a network will know it by heart, some hundreds are wanted");
}

static void
summarize (struct doctor *doctor)
{
  struct doctor_report *report = doctor->report;
  GString *summary = g_string_new (NULL);

  g_string_append_printf (summary, "%u picture%s, %u of them used in crops of %d x %d, %s", report->pictures,
                          text_plural (report->pictures), report->used, doctor->options->size, doctor->options->size,
                          doctor->options->channels == 3 ? "in colour" : "grey");
  append_sizes (doctor, summary);
  g_string_append_c (summary, '\n');
  judge_classes (doctor, summary);
  append_counts (doctor, summary, "left out: ", DOCTOR_DAMAGED, DOCTOR_SMALL);
  append_counts (doctor, summary, "to know: ", DOCTOR_SMALL, DOCTOR_KINDS);
  report->summary = g_string_free (summary, FALSE);
}

static void
judge_beside (struct doctor *doctor, const char *path)
{
  for (const char *const *note = collection_notes (doctor->collection); *note; note++) {
    const char *colon = strstr (*note, ": ");
    g_autofree char *name = colon ? g_strndup (*note, (gsize) (colon - *note)) : g_strdup (path);
    find (doctor, DOCTOR_BESIDE, name, "%s", colon ? colon + 2 : *note);
  }
  g_autofree char *others = collection_others (doctor->collection);
  if (others)
    find (doctor, DOCTOR_BESIDE, path, "%s", others);
}

struct doctor_report *
doctor_check (const char *path, const struct doctor_options *options, doctor_progress_fn progress, void *data,
              GError **error)
{
  const struct collection_options how = {.recursive = options->recursive, .classes = options->classes};
  g_autoptr (collection) collection = collection_open (path, &how, error);
  struct doctor doctor = {.options = options, .collection = collection};
  bool ok;

  if (!collection)
    return NULL;
  doctor.n = collection_count (collection);
  doctor.facts = g_new0 (struct facts, MAX (doctor.n, 1));
  doctor.report = g_new0 (struct doctor_report, 1);
  doctor.report->pictures = doctor.n;
  doctor.report->findings = g_array_new (FALSE, FALSE, sizeof (struct doctor_finding));
  ok = gather_all (&doctor, progress, data, error);
  if (ok) {
    judge_pictures (&doctor);
    judge_unread (&doctor);
    judge_beside (&doctor, path);
    judge_number (&doctor, path);
    summarize (&doctor);
  }
  for (guint i = 0; i < doctor.n; i++) {
    g_free (doctor.facts[i].problem);
    g_free (doctor.facts[i].digest);
  }
  g_free (doctor.facts);
  if (!ok)
    g_clear_pointer (&doctor.report, doctor_report_free);
  return doctor.report;
}

void
doctor_report_free (struct doctor_report *report)
{
  for (guint i = 0; i < report->findings->len; i++) {
    struct doctor_finding *finding = &g_array_index (report->findings, struct doctor_finding, i);
    g_free (finding->name);
    g_free (finding->text);
  }
  g_array_unref (report->findings);
  g_free (report->summary);
  g_free (report);
}
