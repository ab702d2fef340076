/* SPDX-License-Identifier: Apache-2.0
 *
 * Which channels and blocks stay, and their weights; see prune.h. */
#include "train/prune.h"

#include <math.h>
#include <string.h>

struct channel {
  int64_t index;
  double scale; /* mean over styles of its absolute value */
};

static int
by_scale (gconstpointer a, gconstpointer b)
{
  const struct channel *x = a, *y = b;
  return x->scale != y->scale ? (x->scale < y->scale ? 1 : -1) : (x->index > y->index) - (x->index < y->index);
}

static int
by_index (gconstpointer a, gconstpointer b)
{
  const struct channel *x = a, *y = b;
  return (x->index > y->index) - (x->index < y->index);
}

static struct tensor *
find (struct weights *weights, const char *stage, const char *part)
{
  g_autofree char *name = g_strdup_printf ("%s.%s", stage, part);
  return weights_find (weights, name);
}

/* The @n channels of @stage that stay, in their order. */
static struct channel *
pick (const struct pack *pack, const char *stage, int64_t n)
{
  struct tensor *scale = find (pack->weights, stage, "norm.scale");
  int64_t channels = scale->shape.dim[1], styles = pack->settings.styles;
  struct channel *all = g_new0 (struct channel, channels);
  for (int64_t i = 0; i < channels; i++) {
    all[i].index = i;
    for (int64_t row = 0; row < styles; row++)
      all[i].scale += fabs (tensor_floats (scale)[row * channels + i]) / styles;
  }
  qsort (all, channels, sizeof *all, by_scale);
  qsort (all, n, sizeof *all, by_index);
  return all;
}

/* @tensor with the @n of @channels along @axis. */
static struct tensor *
keep (struct tensor *tensor, int axis, const struct channel *channels, int64_t n, GError **error)
{
  struct shape shape = tensor->shape;
  int64_t outer = 1, inner = 1, extent = shape.dim[axis];
  for (int i = 0; i < axis; i++)
    outer *= shape.dim[i];
  for (int i = axis + 1; i < shape.rank; i++)
    inner *= shape.dim[i];
  shape.dim[axis] = n;
  struct tensor *kept = tensor_new (shape, DTYPE_F32, error);
  for (int64_t o = 0; kept && o < outer; o++)
    for (int64_t i = 0; i < n; i++)
      memcpy (tensor_floats (kept) + (o * n + i) * inner,
              tensor_floats (tensor) + (o * extent + channels[i].index) * inner, inner * sizeof (float));
  return kept;
}

static bool
replace (struct weights *weights, const char *stage, const char *part, int axis, const struct channel *channels,
         int64_t n, GError **error)
{
  g_autofree char *name = g_strdup_printf ("%s.%s", stage, part);
  struct tensor *tensor = weights_find (weights, name);
  g_autoptr (tensor) kept = tensor ? keep (tensor, axis, channels, n, error) : NULL;
  if (kept)
    weights_add (weights, name, kept);
  return !tensor || kept; /* tables of brushes may not be there */
}

/* Outputs of @stage, its normalisation, and the inputs of the convolution @next. */
static bool
narrow (struct weights *weights, const struct pack *pack, const char *stage, const char *next, int64_t n,
        GError **error)
{
  static const char *const tables[] = {"norm.scale", "norm.shift", "norm.brush_scale", "norm.brush_shift"};
  g_autofree struct channel *channels = pick (pack, stage, n);
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    if (!replace (weights, stage, tables[i], 1, channels, n, error))
      return false;
  return replace (weights, stage, "conv.weight", 0, channels, n, error) &&
         replace (weights, next, "weight", 1, channels, n, error);
}

/* Adds the weights of @pack without those of its middle residual blocks. */
static void
copy_blocks (struct weights *weights, const struct pack *pack, int64_t blocks)
{
  int64_t first = (blocks + 1) / 2, dropped = pack->settings.residuals - blocks;
  for (guint i = 0; i < weights_count (pack->weights); i++) {
    const char *name = weights_name (pack->weights, i), *part = strchr (name, '.');
    int64_t block = g_str_has_prefix (name, "res") ? g_ascii_strtoll (name + 3, NULL, 10) : 0;
    if (block > first && block <= first + dropped)
      continue;
    g_autofree char *moved = block > first ? g_strdup_printf ("res%d%s", (int) (block - dropped), part) : NULL;
    weights_add (weights, moved ? moved : name, weights_at (pack->weights, i));
  }
}

bool
prune_fits (const struct style_net *from, const struct style_net *to)
{
  return from->layers == to->layers && from->width >= to->width && from->residuals >= to->residuals &&
         from->inner == to->inner && from->ends == to->ends && from->upsampling != UPSAMPLING_TRANSPOSED &&
         to->upsampling != UPSAMPLING_TRANSPOSED;
}

struct pack *
prune (const struct pack *pack, const struct style_net *to, GError **error)
{
  struct style_net settings = pack->settings;
  settings.width = to->width;
  settings.residuals = to->residuals;
  g_autoptr (weights) weights = weights_new ();
  copy_blocks (weights, pack, to->residuals);
  if (!narrow (weights, pack, "down1", "down2.conv", to->width, error) ||
      !narrow (weights, pack, "down2", "down3.conv", 2 * to->width, error) ||
      !narrow (weights, pack, "up1", "up2.conv", 2 * to->width, error) ||
      !narrow (weights, pack, "up2", "out", to->width, error))
    return NULL;
  struct pack *pruned = pack_new (&settings, weights);
  pruned->path = g_strdup (pack->path);
  for (guint i = 0; i < pack->styles->len; i++) {
    const struct pack_style *style = pack->styles->pdata[i];
    pack_add_style (pruned, style->name, style->title, style->artist, style->year);
  }
  return pruned;
}
