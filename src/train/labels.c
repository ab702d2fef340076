/* SPDX-License-Identifier: Apache-2.0
 *
 * Labels against their neighbours'; see labels.h. */
#include "train/labels.h"

#include <math.h>
#include <string.h>

#include "impasto/error.h"

#define PICTURES 500
#define NEIGHBOURS 5
#define SIDE_MAX 16 /* pixels are averaged down to this at least: neighbours are alike, not the same */

/* Averages squares of @by pixels. */
static void
shrink (const float *in, int side, int channels, int by, float *out)
{
  int small = side / by;
  memset (out, 0, (size_t) channels * small * small * sizeof (float));
  for (int c = 0; c < channels; c++)
    for (int y = 0; y < small * by; y++)
      for (int x = 0; x < small * by; x++)
        out[(c * small + y / by) * small + x / by] += in[(c * side + y) * side + x] / (by * by);
}

/* The label most of the nearest have; of equal shares the one with the nearest. */
static int
vote (const float *pictures, const int *labels, int n, int size, int of)
{
  double nearest[NEIGHBOURS];
  int who[NEIGHBOURS], count = 0, best = 0, most = 0;
  for (int i = 0; i < n; i++) {
    double d = 0;
    for (int k = 0; k < size; k++) {
      double e = pictures[of * size + k] - pictures[i * size + k];
      d += e * e;
    }
    if (i == of || (count == NEIGHBOURS && d >= nearest[count - 1]))
      continue;
    int at = count < NEIGHBOURS ? count++ : count - 1;
    for (; at > 0 && nearest[at - 1] > d; at--)
      nearest[at] = nearest[at - 1], who[at] = who[at - 1];
    nearest[at] = d, who[at] = i;
  }
  for (int i = 0; i < count; i++) {
    int votes = 0;
    for (int k = 0; k < count; k++)
      votes += labels[who[k]] == labels[who[i]];
    if (votes > most)
      most = votes, best = labels[who[i]];
  }
  return best;
}

bool
label_check (struct dataset *dataset, int side, int channels, struct label_check *check, GError **error)
{
  int n = MIN (PICTURES, dataset_count (dataset)), by = (side + SIDE_MAX - 1) / SIDE_MAX, small = side / by;
  int size = channels * small * small, classes = dataset_classes (dataset), right = 0;
  g_autofree float *whole = g_try_new (float, (gsize) channels *side *side),
                   *pictures = g_try_new (float, (gsize) n *size);
  g_autofree int *labels = g_new (int, n), *have = g_new0 (int, MAX (classes, 1));
  *check = (struct label_check){0};
  if (!whole || !pictures) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory to look at labels");
    return false;
  }
  for (int i = 0; i < n; i++) {
    g_autoptr (GError) left_out = NULL; /* by training, too */
    int *label = &labels[check->n];
    if (!dataset_picture (dataset, (guint64) i * dataset_count (dataset) / n, whole, label, &left_out))
      continue;
    shrink (whole, side, channels, by, pictures + (gsize) check->n * size);
    have[*label]++;
    check->n++;
  }
  for (int i = 0; i < check->n; i++)
    right += vote (pictures, labels, check->n, size, i) == labels[i];
  for (int k = 0; k < classes && check->n; k++)
    check->chance += pow ((double) have[k] / check->n, 2);
  check->agreement = check->n ? (double) right / check->n : 0;
  return true;
}

bool
label_check_passes (const struct label_check *check)
{
  double deviation = sqrt (check->chance * (1 - check->chance) / MAX (check->n, 1));
  return check->n < LABELS_FEWEST || check->chance > 0.999 || check->agreement > check->chance + 3 * deviation;
}
