/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights from packs into training and rows from training into packs; see style_pack.h. */
#include "train/style_pack.h"

#include <string.h>

#include "impasto/error.h"
#include "train/prune.h"
#include "train/recipe.h"
#include "train/run_pack.h"

static bool
is_brush (const char *name)
{
  return g_str_has_suffix (name, ".brush_scale") || g_str_has_suffix (name, ".brush_shift");
}

bool
style_pack_is_row (const char *name)
{
  return g_str_has_suffix (name, ".scale") || g_str_has_suffix (name, ".shift");
}

static char *
painter_name (const char *part, bool average)
{
  return g_strdup_printf ("%spainter.%s", average ? "average." : "", part);
}

static float *
row_of (struct tensor *table, int64_t row)
{
  return tensor_floats (table) + row * table->shape.dim[1];
}

/* --- Starting from a pack --- */

/* The mean of the first @n rows. */
static void
mean_row (struct tensor *table, int64_t n, float *mean)
{
  for (int64_t i = 0; i < table->shape.dim[1]; i++) {
    double sum = 0;
    for (int64_t row = 0; row < n; row++)
      sum += row_of (table, row)[i];
    mean[i] = sum / n;
  }
}

static void
start_rows (const struct pack *pack, const struct style_net *net, char **names, struct tensor *from, struct tensor *to)
{
  for (int64_t row = 0; row < to->shape.dim[0]; row++) {
    bool style = row < net->styles;
    int64_t known = style ? pack_find_style (pack, names[row]) : style_net_photograph_row (&pack->settings);
    if (known >= 0)
      memcpy (row_of (to, row), row_of (from, known), to->shape.dim[1] * sizeof (float));
    else
      mean_row (from, pack->settings.styles, row_of (to, row));
  }
}

bool
style_pack_start (const char *path, const struct style_net *net, char **names, struct weights *weights, GError **error)
{
  g_autoptr (pack) whole = run_pack_or_file (path, error);
  if (!whole)
    return false;
  if (whole->settings.layers != net->layers) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: its network has %s layers, not %s ones", path,
                 style_layers_names[whole->settings.layers], style_layers_names[net->layers]);
    return false;
  }
  if (whole->settings.skip) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: corrects photographs (--skip), which no style does",
                 path);
    return false;
  }
  if (!prune_fits (&whole->settings, net)) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: its network is narrower or otherwise of another size: start with --width %d --inner %d "
                 "--residuals %d --ends %d, or less width and residuals",
                 path, (int) whole->settings.width, (int) whole->settings.inner, (int) whole->settings.residuals,
                 (int) whole->settings.ends);
    return false;
  }
  g_autoptr (pack) pack = prune (whole, net, error);
  if (!pack)
    return false;
  for (guint i = 0; i < 2 * weights_count (pack->weights); i++) {
    const char *part = weights_name (pack->weights, i / 2);
    struct tensor *from = weights_at (pack->weights, i / 2);
    g_autofree char *name = painter_name (part, i % 2);
    struct tensor *to = weights_find (weights, name);
    if (!to && is_brush (part) && !net->brush)
      continue;
    if (style_pack_is_row (part))
      start_rows (pack, net, names, from, to);
    else
      memcpy (to->data, from->data, to->size);
  }
  return true;
}

/* --- Fitting rows into a pack --- */

struct style_net
style_pack_fit_net (const struct pack *pack, int64_t styles)
{
  struct style_net net = pack->settings;
  net.styles = styles;
  net.photograph = net.brush = false;
  return net;
}

bool
style_pack_check_same (const struct pack *pack, const char *part, const struct tensor *there, GError **error)
{
  const struct tensor *from = weights_find (pack->weights, part);
  if (!there || (shape_equal (&there->shape, &from->shape) && there->dtype == from->dtype &&
                 memcmp (there->data, from->data, there->size) == 0))
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s is not the pack that this run began with (%s)",
               pack->path, part);
  return false;
}

struct pack *
style_pack_load_into (const char *path, GError **error)
{
  bool run = run_pack_matches (path);
  if (!run && !g_file_test (path, G_FILE_TEST_IS_DIR))
    return pack_load (path, error);
  if (run)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "%s: is of a run, which may change; impasto export %s -o PACK.safetensors makes a pack for --into",
                 path, path);
  else
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "%s: is a folder; --into wants a pack's file", path);
  return NULL;
}

/* What @styles new rows of the table @part of @pack begin as: what its predictor says, (styles, basis), or the mean of
 * its styles. */
static struct tensor *
begin_rows (const struct pack *pack, const char *part, int64_t styles, struct tensor *predicted, GError **error)
{
  struct tensor *from = weights_find (pack->weights, part);
  if (predicted)
    return pack_predict_rows (pack, part, predicted, error);
  struct tensor *table = tensor_new (SHAPE (styles, from->shape.dim[1]), DTYPE_F32, error);
  for (int64_t row = 0; table && row < styles; row++)
    mean_row (from, pack->settings.styles, row_of (table, row));
  return table;
}

bool
style_pack_fit (const struct pack *pack, const struct style_net *net, struct tensor *descriptors,
                struct weights *weights, GError **error)
{
  bool predicts = pack->predicting && descriptors && descriptors->shape.dim[1] == pack->predictor.described;
  g_autoptr (tensor) predicted = predicts ? pack_predict (pack, descriptors, error) : NULL;
  if (predicts && !predicted)
    return false;
  for (guint i = 0; i < 2 * weights_count (pack->weights); i++) {
    const char *part = weights_name (pack->weights, i / 2);
    struct tensor *from = weights_at (pack->weights, i / 2);
    g_autofree char *name = painter_name (part, i % 2);
    struct tensor *there = weights_find (weights, name);
    if (is_brush (part) || (there && style_pack_is_row (part)))
      continue;
    if (!style_pack_check_same (pack, part, there, error))
      return false;
    if (!style_pack_is_row (part)) {
      weights_add (weights, name, from);
      continue;
    }
    g_autoptr (tensor) table = begin_rows (pack, part, net->styles, predicted, error);
    if (!table)
      return false;
    weights_add (weights, name, table);
  }
  return true;
}

/* @table with the rows of @more behind its first @n. IMPASTO_ERROR_INPUT: @more is no table of such rows. */
static struct tensor *
extend_table (struct tensor *table, int64_t n, struct tensor *more, GError **error)
{
  int64_t rows = table->shape.dim[0], c = table->shape.dim[1];
  if (!more || more->dtype != DTYPE_F32 || more->shape.rank != 2 || more->shape.dim[1] != c) {
    g_set_error_literal (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "its rows do not fit the pack of --into");
    return NULL;
  }
  int64_t added = more->shape.dim[0];
  struct tensor *all = tensor_new (SHAPE (rows + added, c), DTYPE_F32, error);
  if (!all)
    return NULL;
  memcpy (row_of (all, 0), row_of (table, 0), n * c * sizeof (float));
  memcpy (row_of (all, n), row_of (more, 0), added * c * sizeof (float));
  memcpy (row_of (all, n + added), row_of (table, n), (rows - n) * c * sizeof (float));
  return all;
}

/* Adds the styles of @data to the pack's list. */
static void
add_styles (struct pack *pack, const struct style_data *data)
{
  for (int i = 0; i < data->n_styles; i++) {
    g_autofree char *about = g_strdup (data->about[i]);
    char *artist = NULL, *year = strrchr (about, ',');
    if (year) {
      *year++ = 0;
      artist = strrchr (about, ',');
    }
    if (artist)
      *artist++ = 0;
    pack_add_style (pack, data->names[i], about, artist ? g_strstrip (artist) : NULL, year ? g_strstrip (year) : NULL);
  }
}

struct pack *
style_pack_new (const struct style_net *net, struct weights *weights, const struct style_data *data,
                struct tensor *descriptors, const struct style_settings *settings)
{
  g_autoptr (weights) averaged = recipe_averaged (weights, "painter.");
  struct pack *pack = pack_new (net, averaged);
  add_styles (pack, data);
  pack->descriptors = descriptors ? tensor_ref (descriptors) : NULL;
  pack->title = g_strdup (settings->title);
  pack->license = g_strdup (settings->license);
  pack->provenance = g_strdup ("trained by impasto train style");
  return pack;
}

struct pack *
style_pack_extend (const struct pack *pack, struct weights *weights, const struct style_data *data,
                   struct tensor *descriptors, const struct style_settings *wanted, GError **error)
{
  struct style_net settings = pack->settings;
  g_autoptr (weights) all = weights_new ();
  settings.styles += data->n_styles;
  for (int i = 0; i < data->n_styles; i++)
    if (pack_find_style (pack, data->names[i]) >= 0) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s has a style %s already", pack->path, data->names[i]);
      return NULL;
    }
  for (guint i = 0; i < weights_count (pack->weights); i++) {
    const char *part = weights_name (pack->weights, i);
    struct tensor *from = weights_at (pack->weights, i);
    g_autofree char *name = painter_name (part, true);
    if (!style_pack_is_row (part) && !is_brush (part) &&
        !style_pack_check_same (pack, part, weights_find (weights, name), error))
      return NULL;
    g_autoptr (tensor) table = NULL;
    if (style_pack_is_row (part) &&
        !(table = extend_table (from, pack->settings.styles, weights_find (weights, name), error)))
      return NULL;
    weights_add (all, part, table ? table : from);
  }
  g_autoptr (pack) extended = pack_new (&settings, all);
  pack_share_predictor (extended, pack);
  if (descriptors && pack->descriptors && descriptors->shape.dim[1] == pack->descriptors->shape.dim[1] &&
      !(extended->descriptors = extend_table (pack->descriptors, pack->settings.styles, descriptors, error)))
    return NULL;
  for (guint i = 0; i < pack->styles->len; i++) {
    const struct pack_style *style = pack->styles->pdata[i];
    pack_add_style (extended, style->name, style->title, style->artist, style->year);
  }
  add_styles (extended, data);
  extended->title = g_strdup (wanted->title ? wanted->title : pack->title);
  extended->license = g_strdup (wanted->license ? wanted->license : pack->license);
  extended->provenance = g_strdup (pack->provenance);
  return g_steal_pointer (&extended);
}
