/* SPDX-License-Identifier: Apache-2.0
 *
 * A judge (effect/judges.h) asked about a picture: a row a score map, and the map over the picture. */
#include <string.h>

#include "base/text.h"
#include "compile/plan.h"
#include "effect/explain.h"
#include "effect/judges.h"
#include "image/pixels.h"
#include "train/checkpoint.h"

static struct plan *
compile (struct weights *weights, const struct judges *judges, const struct picture *picture, int threads,
         GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  struct plan_options options = {
    .precision = PRECISION_F32, .threads = threads, .memory_limit = cpu_memory_available ()};
  int w = judges->side ? judges->side : picture->width, h = judges->side ? judges->side : picture->height;
  sym scores = judges_score (graph_input (graph, "picture", SHAPE (1, 3, h, w)), judges);
  graph_output (graph, "scores", scores);
  graph_output (graph, "maps", sym_resize_bilinear (scores, picture->height, picture->width));
  return plan_compile (graph, weights, &options, error);
}

/* Of the score map @map: a head counted from 1, or the side of a translation. */
static char *
name_map (const struct judges *judges, int map)
{
  return judges->judge[0].scope[0] ? g_strndup (judges->judge[map].scope, strcspn (judges->judge[map].scope, "."))
                                   : g_strdup_printf ("head%d", map + 1);
}

/* Adds a row a score map; the highest of a judge's heads. Of a translation it is that of the side it draws. */
static int
report (struct plan *plan, const struct judges *judges, const struct picture *picture, ImpastoExplanation *explanation)
{
  struct tensor *scores = plan_output (plan, "scores");
  int64_t patches = scores->shape.dim[2] * scores->shape.dim[3], n = (int64_t) picture->width * picture->height;
  int best = 0;
  for (int head = 0; head < scores->shape.dim[1]; head++) {
    const float *score = tensor_floats (scores) + head * patches;
    g_autofree char *name = name_map (judges, head);
    double mean = 0, real = 0;
    for (int64_t i = 0; i < patches; i++) {
      mean += score[i] / (double) patches;
      real += (score[i] > 0.5) / (double) patches;
    }
    ImpastoExplained *row = explain_add (explanation, name, mean, real);
    explain_regions (row, tensor_floats (plan_output (plan, "maps")) + head * n, picture->width, picture->height);
    if (judges->n == 1 && mean > ((const ImpastoExplained *) explanation->rows->pdata[best])->value)
      best = head;
  }
  return best;
}

static struct picture *
draw (struct plan *plan, const struct picture *picture, const ImpastoExplanation *explanation, int head, GError **error)
{
  const ImpastoExplained *row = explanation->rows->pdata[head];
  g_autofree char *title =
    g_strdup_printf ("judge (%s): mean %.2f, %.0f %% pass", row->name, row->value, 100 * row->share);
  const float *map = tensor_floats (plan_output (plan, "maps")) + (int64_t) head * picture->width * picture->height;
  struct heat_panel panels[] = {{"the picture"}, {title, map}};
  struct heat_sheet sheet = {.picture = picture,
                             .panels = panels,
                             .n = 2,
                             .columns = 2,
                             .colors = HEAT_OPINION,
                             .low = "0: painted by the network",
                             .high = "1: real"};
  return heat_draw (&sheet, error);
}

/* The middle square, where judges read no other. */
static struct picture *
middle (const struct picture *picture, GError **error)
{
  int w = picture->width, h = picture->height, shorter = MIN (w, h);
  return picture_crop (picture, (w - shorter) / 2, (h - shorter) / 2, shorter, shorter, error);
}

/* Shows @picture to the judges. */
static bool
show (struct plan *plan, const struct judges *judges, const struct picture *picture, GError **error)
{
  struct tensor *input = plan_input (plan, "picture");
  g_autoptr (picture) small = judges->side ? picture_resize (picture, judges->side, judges->side, error) : NULL;
  if (judges->side && !small)
    return false;
  memcpy (input->data, small ? small->rgb : picture->rgb, input->size);
  plan_run (plan, 0, 0);
  return true;
}

struct picture *
explain_judge (const struct picture *picture, const struct explain_settings *settings, ImpastoExplanation *explanation,
               GError **error)
{
  struct judges judges;
  g_autofree char *path = checkpoint_find (settings->judge, error);
  g_autoptr (weights) weights = path ? judges_load (path, &judges, error) : NULL;
  if (!weights)
    return NULL;
  if (settings->head > judges_heads (&judges)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: it has %d score map%s, --head says %d", path,
                 judges_heads (&judges), text_plural (judges_heads (&judges)), (int) settings->head);
    return NULL;
  }
  g_autoptr (picture) square = judges.side ? middle (picture, error) : NULL;
  if (judges.side && !square)
    return NULL;
  picture = square ? square : picture;
  g_autoptr (plan) plan = compile (weights, &judges, picture, (int) settings->threads, error);
  if (!plan || !show (plan, &judges, picture, error))
    return NULL;
  int best = report (plan, &judges, picture, explanation);
  explanation->notes = g_strdup_printf ("scores of %s by the judge of %s; regions: mean scores, row by row",
                                        judges.side ? "parts of the middle square" : "patches", path);
  return draw (plan, picture, explanation, settings->head > 0 ? (int) settings->head - 1 : best, error);
}
