/* SPDX-License-Identifier: Apache-2.0
 *
 * Curves in bounded memory, and their way in from stats.jsonl. */
#include "train/curves.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_json.h"
#include "impasto/error.h"

#define CURVES_MAX 64        /* figures of a run; more are passed by */
#define LINE_DEPTH 8         /* brackets in a line */
#define STATS_LINE (1 << 16) /* bytes of one */
#define STEPS_MAX ((int64_t) 1 << 40)

static void
curve_free (gpointer data)
{
  struct curve *curve = data;

  g_free (curve->name);
  g_free (curve);
}

struct curves *
curves_new (void)
{
  struct curves *curves = g_new0 (struct curves, 1);

  curves->width = 1;
  curves->list = g_ptr_array_new_with_free_func (curve_free);
  return curves;
}

void
curves_free (struct curves *curves)
{
  if (!curves)
    return;
  g_ptr_array_unref (curves->list);
  g_free (curves);
}

const struct curve *
curves_find (const struct curves *curves, const char *name)
{
  for (guint i = 0; i < curves->list->len; i++) {
    const struct curve *curve = curves->list->pdata[i];
    if (g_str_equal (curve->name, name))
      return curve;
  }
  return NULL;
}

double
curve_last (const struct curve *curve)
{
  int n = (int) MIN (curve->n, CURVE_RECENT);
  double sum = 0;

  for (int i = 0; i < n; i++)
    sum += curve->recent[i];
  return n > 0 ? sum / n : NAN;
}

static void
bucket_add (struct bucket *bucket, const struct bucket *more)
{
  if (more->n == 0)
    return;
  bucket->least = bucket->n > 0 ? fmin (bucket->least, more->least) : more->least;
  bucket->most = bucket->n > 0 ? fmax (bucket->most, more->most) : more->most;
  bucket->sum += more->sum;
  bucket->n += more->n;
}

/* Each two buckets become one. */
static void
widen (struct curves *curves)
{
  curves->width *= 2;
  for (guint i = 0; i < curves->list->len; i++) {
    struct curve *curve = curves->list->pdata[i];

    for (int k = 0; k < CURVE_BUCKETS; k++) {
      struct bucket both = {0};
      if (k < CURVE_BUCKETS / 2) {
        bucket_add (&both, &curve->bucket[2 * k]);
        bucket_add (&both, &curve->bucket[2 * k + 1]);
      }
      curve->bucket[k] = both;
    }
  }
}

static struct curve *
curve_of (struct curves *curves, const char *name)
{
  struct curve *curve = (struct curve *) curves_find (curves, name);

  if (curve || curves->list->len == CURVES_MAX)
    return curve;
  curve = g_new0 (struct curve, 1);
  curve->name = g_strdup (name);
  g_ptr_array_add (curves->list, curve);
  return curve;
}

static void
add_value (struct curves *curves, int64_t step, const char *name, double value)
{
  struct curve *curve = isfinite (value) ? curve_of (curves, name) : NULL;

  if (!curve)
    return;
  bucket_add (&curve->bucket[(step - 1) / curves->width], &(struct bucket){value, value, value, 1});
  curve->recent[curve->n++ % CURVE_RECENT] = value;
}

static void
reach (struct curves *curves, int64_t step)
{
  while ((step - 1) / curves->width >= CURVE_BUCKETS)
    widen (curves);
  curves->steps = MAX (curves->steps, step);
}

void
curves_add (struct curves *curves, int64_t step, int n, const char *const *names, const double *values)
{
  g_return_if_fail (step >= 1 && step <= STEPS_MAX);
  reach (curves, step);
  for (int i = 0; i < n; i++)
    add_value (curves, step, names[i], values[i]);
}

/* stats.jsonl */

static void
take_member (JsonObject *object, const char *name, JsonNode *node, gpointer data)
{
  struct curves *curves = data;
  GType type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;
  double value = type == G_TYPE_DOUBLE || type == G_TYPE_INT64 ? json_node_get_double (node) : NAN;

  if (g_str_equal (name, "seconds"))
    curves->seconds += isfinite (value) && value > 0 ? value : 0;
  else if (!g_str_equal (name, "step"))
    add_value (curves, json_object_get_int_member (object, "step"), name, value);
}

static bool
take_line (struct curves *curves, const char *line)
{
  g_autoptr (JsonNode) top = text_json_read (line, LINE_DEPTH);
  JsonObject *object = top && JSON_NODE_HOLDS_OBJECT (top) ? json_node_get_object (top) : NULL;
  JsonNode *number = object ? json_object_get_member (object, "step") : NULL;
  if (!number || !JSON_NODE_HOLDS_VALUE (number) || json_node_get_value_type (number) != G_TYPE_INT64)
    return false;
  int64_t step = json_node_get_int (number);
  bool rescue = json_object_has_member (object, "watchdog"); /* such a line has no figures */
  if (step < (rescue ? 0 : 1) || step > STEPS_MAX)
    return false;
  if (rescue)
    return true;
  reach (curves, step);
  json_object_foreach_member (object, take_member, curves);
  return true;
}

struct curves *
curves_load (const char *path, GError **error)
{
  FILE *file = fopen (path, "re");
  g_autoptr (curves) curves = curves_new ();
  g_autofree char *line = g_malloc (STATS_LINE);
  int64_t number = 0, bad = 0;

  if (!file) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: cannot be read", path);
    return NULL;
  }
  while (!bad && fgets (line, STATS_LINE, file)) {
    number++;
    if (!strchr (line, '\n') && feof (file)) /* being written, or was when its run was killed */
      break;
    bad = take_line (curves, line) ? 0 : number;
  }
  fclose (file);
  if (!bad)
    return g_steal_pointer (&curves);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: line %" G_GINT64_FORMAT " is no line of statistics",
               path, bad);
  return NULL;
}
