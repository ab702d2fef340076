/* SPDX-License-Identifier: Apache-2.0
 *
 * A painting is as near to a style as their descriptors are, each number over its deviation among the styles of the
 * pack (perceptual_descriptor_share). Weights fall with the distance as a Gibbs distribution does. */
#include "effect/brushwork.h"

#include <math.h>
#include <string.h>

#include "effect/control.h"
#include "effect/stylize.h"
#include "effect/styles.h"
#include "impasto/error.h"

#define PACK "masters.safetensors"
#define AUTO "auto"
#define NONE "none"
#define SCOPE "brushwork"
#define MIXED 3           /* styles at most, of those chosen for a painting */
#define LEAST_WEIGHT 0.05 /* of a style that takes part */

struct brushwork {
  struct style style; /* the pack */
  double strength;
  struct perceptual_net eye; /* that described the paintings */
  GArray *parts;             /* struct control_part: the mix for all; NULL = each painting's own */
  GPtrArray *chosen;         /* text of each painting's mix */
  struct tensor *rows;       /* (paintings, rows of the pack) */
};

static const struct style_net *
net_of (const struct brushwork *brushwork)
{
  return &brushwork->style.pack->settings;
}

void
brushwork_free (struct brushwork *brushwork)
{
  if (!brushwork)
    return;
  style_clear (&brushwork->style);
  g_clear_pointer (&brushwork->parts, g_array_unref);
  g_clear_pointer (&brushwork->chosen, g_ptr_array_unref);
  g_clear_pointer (&brushwork->rows, tensor_unref);
  g_free (brushwork);
}

/* The pack of a mix that was named, and its rows there. */
static bool
open_named (struct brushwork *brushwork, const char *text, GError **error)
{
  brushwork->parts = control_parse_mix ("brushwork", text, error);
  if (!brushwork->parts)
    return false;
  guint n = brushwork->parts->len;
  g_autofree const char **texts = g_new (const char *, n);
  g_autofree int *rows = g_new (int, n);
  for (guint i = 0; i < n; i++)
    texts[i] = g_array_index (brushwork->parts, struct control_part, i).style;
  if (!styles_find (texts, n, &brushwork->style, rows, error))
    return false;
  for (guint i = 0; i < n; i++) {
    struct control_part *part = &g_array_index (brushwork->parts, struct control_part, i);
    part->row = rows[i];
    part->name = g_strdup (((const struct pack_style *) brushwork->style.pack->styles->pdata[rows[i]])->name);
  }
  return true;
}

/* The pack that ships, when it is there and its descriptors are such as can be compared; otherwise ->style.pack is
 * NULL. */
static bool
open_auto (struct brushwork *brushwork, GError **error)
{
  g_autofree char *path = style_folders_find (PACK);
  if (!path)
    return true;
  struct style *style = &brushwork->style;
  style->pack = pack_load (path, error);
  style->sha256 = style->pack ? style_sha256 (path, error) : NULL;
  if (!style->sha256)
    return false;
  if (!style->pack->descriptors ||
      style->pack->descriptors->shape.dim[1] != perceptual_descriptor_size (&brushwork->eye))
    style_clear (style);
  return true;
}

struct brushwork *
brushwork_open (const struct paint_settings *settings, const struct perceptual_net *eye, GError **error)
{
  const char *text = settings->brushwork && *settings->brushwork ? settings->brushwork : AUTO;
  if (g_str_equal (text, NONE) || settings->brushwork_strength == 0)
    return NULL;
  g_autoptr (brushwork) brushwork = g_new0 (struct brushwork, 1);
  brushwork->strength = settings->brushwork_strength;
  brushwork->eye = *eye;
  bool opened = g_str_equal (text, AUTO) ? open_auto (brushwork, error) : open_named (brushwork, text, error);
  return opened && brushwork->style.pack ? g_steal_pointer (&brushwork) : NULL;
}

/* --- Which styles --- */

/* What a squared difference of each number counts: its share over the variance among the styles; 0 for what all have
 * alike. */
static double *
precisions (struct tensor *descriptors, const struct perceptual_net *eye)
{
  int64_t n = descriptors->shape.dim[0], width = descriptors->shape.dim[1];
  const float *values = tensor_floats (descriptors);
  double *precision = g_new0 (double, width);
  for (int64_t k = 0; k < width; k++) {
    double mean = 0, variance = 0, share = perceptual_descriptor_share (eye, k);
    for (int64_t i = 0; i < n; i++)
      mean += values[i * width + k] / n;
    for (int64_t i = 0; i < n; i++)
      variance += (values[i * width + k] - mean) * (values[i * width + k] - mean) / n;
    precision[k] = variance > 1e-12 * (1 + mean * mean) ? share / variance : 0;
  }
  return precision;
}

static int
heaviest (const double *weights, int n)
{
  int best = 0;
  for (int i = 1; i < n; i++)
    if (weights[i] > weights[best])
      best = i;
  return best;
}

/* Weights over the styles of the pack for a painting that looks like @descriptor. */
static void
weigh (struct tensor *descriptors, const double *precision, const float *descriptor, float *row)
{
  int n = descriptors->shape.dim[0];
  int64_t width = descriptors->shape.dim[1];
  g_autofree double *weights = g_new0 (double, n);
  double nearest = G_MAXDOUBLE, sum = 0;
  for (int i = 0; i < n; i++) {
    const float *style = tensor_floats (descriptors) + i * width;
    for (int64_t k = 0; k < width; k++)
      weights[i] += ((double) style[k] - descriptor[k]) * (style[k] - descriptor[k]) * precision[k];
    nearest = fmin (nearest, weights[i]);
  }
  for (int i = 0; i < n; i++)
    weights[i] = exp ((nearest - weights[i]) / PERCEPTUAL_TEMPERATURE);
  for (int taken = 0; taken < MIXED; taken++) {
    int best = heaviest (weights, n);
    if (taken > 0 && weights[best] < LEAST_WEIGHT)
      break;
    row[best] = weights[best];
    sum += weights[best];
    weights[best] = 0;
  }
  for (int i = 0; i < n; i++)
    row[i] /= sum;
}

static char *
row_text (const struct pack *pack, const float *row)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < pack->styles->len; i++)
    if (row[i] > 0)
      g_string_append_printf (text, "%s%s:%.2f", text->len ? "," : "",
                              ((const struct pack_style *) pack->styles->pdata[i])->name, row[i]);
  return g_string_free (text, FALSE);
}

bool
brushwork_choose (struct brushwork *brushwork, const float *descriptors, int n, GError **error)
{
  const struct pack *pack = brushwork->style.pack;
  int64_t rows = style_net_rows (&pack->settings), photograph = style_net_photograph_row (&pack->settings);
  g_autofree double *precision = brushwork->parts ? NULL : precisions (pack->descriptors, &brushwork->eye);
  brushwork->rows = tensor_new (SHAPE (n, rows), DTYPE_F32, error);
  brushwork->chosen = g_ptr_array_new_with_free_func (g_free);
  for (int i = 0; brushwork->rows && i < n; i++) {
    float *row = tensor_floats (brushwork->rows) + i * rows;
    if (!brushwork->parts)
      weigh (pack->descriptors, precision, descriptors + i * pack->descriptors->shape.dim[1], row);
    for (guint k = 0; brushwork->parts && k < brushwork->parts->len; k++) {
      const struct control_part *part = &g_array_index (brushwork->parts, struct control_part, k);
      row[part->row] += part->weight;
    }
    g_ptr_array_add (brushwork->chosen, row_text (pack, row));
    for (int64_t k = 0; photograph >= 0 && k < rows; k++)
      row[k] *= brushwork->strength;
    if (photograph >= 0)
      row[photograph] = 1 - brushwork->strength;
  }
  return brushwork->rows != NULL;
}

/* --- The network --- */

static void
add_weights (struct weights *to, struct weights *from, const char *prefix)
{
  for (guint i = 0; i < weights_count (from); i++) {
    g_autofree char *name = g_strconcat (prefix, weights_name (from, i), NULL);
    weights_add (to, name, weights_at (from, i));
  }
}

struct weights *
brushwork_join (const struct brushwork *brushwork, struct canvas_net *net)
{
  const struct canvas_net first = stylize_net (brushwork->style.pack);
  struct weights *all = weights_new ();
  add_weights (all, brushwork->style.pack->weights, SCOPE ".");
  add_weights (all, net->weights, "");
  net->weights = all;
  int reach = (first.reach + net->multiple - 1) / net->multiple * net->multiple;
  net->reach += reach;
  net->octave_margin += reach;
  net->fixed += brushwork->rows->size;
  memmove (net->channels + first.norms, net->channels, sizeof *net->channels * net->norms);
  memcpy (net->channels, first.channels, sizeof *net->channels * first.norms);
  net->norms += first.norms;
  return all;
}

sym
brushwork_net (const struct brushwork *brushwork, sym photo, const struct style_control *control)
{
  struct style_control own = *control;
  own.rows = sym_matmul (control->rows, graph_constant (photo.graph, brushwork->rows));
  own.gate = brushwork->strength < 0.5; /* shut from there on */
  graph_push (photo.graph, SCOPE);
  sym painted = style_net (photo, own, net_of (brushwork));
  graph_pop (photo.graph);
  if (net_of (brushwork)->photograph || brushwork->strength == 1)
    return painted;
  return sym_add (photo, sym_scale (sym_sub (painted, photo), brushwork->strength));
}

/* --- Recipes --- */

const char *
brushwork_file (const struct brushwork *brushwork)
{
  return brushwork->style.pack->path;
}

void
brushwork_describe (const struct brushwork *brushwork, JsonObject *recipe)
{
  if (!brushwork)
    return;
  JsonObject *object = json_object_new ();
  const struct control_mix mix = {.parts = brushwork->parts};
  g_autofree char *text = brushwork->parts ? control_mix_text (&mix) : g_strdup (AUTO);
  style_describe (&brushwork->style, object);
  json_object_set_string_member (object, "style", text);
  if (!brushwork->parts) {
    JsonArray *chosen = json_array_new ();
    for (guint i = 0; i < brushwork->chosen->len; i++)
      json_array_add_string_element (chosen, brushwork->chosen->pdata[i]);
    json_object_set_array_member (object, "chosen", chosen);
  }
  json_object_set_object_member (recipe, "brushwork", object);
}

bool
brushwork_replay (JsonObject *recipe, const struct recipe_source *source, struct paint_settings *settings,
                  GError **error)
{
  JsonNode *node = json_object_get_member (recipe, "brushwork");
  g_free (settings->brushwork);
  settings->brushwork = g_strdup (NONE); /* as those from before there was any */
  if (!node || source->other_brushwork)
    return true;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return style_fail (error, IMPASTO_ERROR_INPUT, "%s: its recipe has brushwork that is none", source->painting);
  JsonObject *object = json_node_get_object (node);
  const char *style = recipe_string (object, "style", source, error);
  if (!style)
    return false;
  char *text =
    g_str_equal (style, AUTO)
      ? (recipe_check_in_use (object, PACK, "the pack of its brushwork", source, error) ? g_strdup (AUTO) : NULL)
      : recipe_replay_mix (object, "brushwork", source, error);
  if (!text)
    return false;
  g_free (settings->brushwork);
  settings->brushwork = text;
  return true;
}
