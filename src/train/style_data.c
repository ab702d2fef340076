/* SPDX-License-Identifier: Apache-2.0
 *
 * Paintings, names, Gram targets and draws of the style recipe; see style_data.h. Paintings are measured in tiles,
 * whose Gram matrices' mean is that of the whole but for the tiles' edges: memory does not grow with the painting. */
#include "train/style_data.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "device/cpu.h"
#include "image/pixels.h"
#include "impasto/error.h"
#include "net/pack.h"
#include "train/loss.h"
#include "train/style_loss.h"

#define TILE 1024

enum stream { STREAM_CROP = 100, STREAM_NOISE, STREAM_DRAW }; /* random numbers of this recipe */

/* Draws */

struct style_draw
style_draw (const struct style_net *net, uint64_t seed, int64_t step, int item, int64_t batch)
{
  struct random_key key = {.seed = seed, .stream = STREAM_DRAW, .step = step};
  struct style_draw draw = {.style = (step * batch + item) % net->styles};
  double u[4];
  for (int i = 0; i < 4; i++)
    u[i] = random_uniform (key, 4 * item + i);
  if (net->photograph && u[2] >= 0.8)
    draw.photograph = u[2] < 0.88 ? 1 : u[3];
  else if (net->brush && u[0] >= 0.5)
    draw.brush = 2 * u[1] - 1;
  return draw;
}

void
style_draw_rows (struct style_draw draw, const struct style_net *net, float *rows)
{
  int64_t photograph = style_net_photograph_row (net), brush = style_net_brush_row (net);
  memset (rows, 0, style_net_rows (net) * sizeof (float));
  rows[draw.style] = 1 - draw.photograph;
  if (photograph >= 0)
    rows[photograph] = draw.photograph;
  if (brush >= 0) {
    rows[brush] = fmax (draw.brush, 0);
    rows[brush + 1] = fmax (-draw.brush, 0);
  }
}

void
style_draw_targets (struct style_draw draw, const struct style_data *data, float *targets)
{
  memset (targets, 0, style_data_rows (data) * sizeof (float));
  float *own = targets + draw.style * data->n_anchors;
  if (data->n_anchors == 1) {
    own[0] = 1;
    return;
  }
  own[0] = fmax (-draw.brush, 0);
  own[1] = 1 - fabs (draw.brush);
  own[2] = fmax (draw.brush, 0);
}

int64_t
style_data_rows (const struct style_data *data)
{
  return (int64_t) data->n_styles * data->n_anchors;
}

/* Names */

/* Name of a painting's style: its file name without folder and extension, in the letters a pack allows. */
static char *
style_name (const char *path)
{
  g_autofree char *base = g_path_get_basename (path);
  char *dot = strrchr (base, '.');
  if (dot)
    *dot = 0;
  char *name = g_ascii_strdown (base, 64);
  for (char *c = name; *c; c++)
    if (!g_ascii_isalnum (*c))
      *c = '-';
  return name;
}

bool
style_data_name (struct style_data *data, char **paths, const char *names, GError **error)
{
  data->n_styles = paths ? g_strv_length (paths) : 0;
  if (data->n_styles == 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "train style wants one painting or more");
    return false;
  }
  g_auto (GStrv) given = names ? g_strsplit (names, ";", -1) : NULL;
  if (given && g_strv_length (given) != (guint) data->n_styles) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--names lists %u name%s for %d painting%s",
                 g_strv_length (given), text_plural (g_strv_length (given)), data->n_styles,
                 text_plural (data->n_styles));
    return false;
  }
  data->names = g_new0 (char *, data->n_styles + 1);
  data->about = g_new0 (char *, data->n_styles + 1);
  for (int i = 0; i < data->n_styles; i++) {
    g_auto (GStrv) parts = g_strsplit (given ? given[i] : "", ":", 2);
    data->names[i] = given ? g_strdup (parts[0] ? g_strstrip (parts[0]) : "") : style_name (paths[i]);
    data->about[i] = g_strdup (given && parts[0] && parts[1] ? g_strstrip (parts[1]) : "");
    bool twice = false;
    for (int k = 0; k < i; k++)
      twice |= g_str_equal (data->names[k], data->names[i]);
    if (!pack_valid_name (data->names[i]) || twice) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "'%s' %s; choose with --names", data->names[i],
                   twice ? "names two styles" : "is no name for a style (lower case letters, digits and '-')");
      return false;
    }
  }
  return true;
}

/* Paintings */

bool
style_data_load (struct style_data *data, char **paths, bool brush, int64_t painting_size, int64_t size, GError **error)
{
  data->n_anchors = brush ? STYLE_ANCHORS : 1;
  data->paintings = g_new0 (struct picture *, style_data_rows (data));
  for (int i = 0; i < data->n_styles; i++) {
    g_autoptr (picture) picture = painting_load (paths[i], error);
    if (!picture)
      return false;
    double longer = MAX (picture->width, picture->height), fit = (double) size / MIN (picture->width, picture->height);
    for (int a = 0; a < data->n_anchors; a++) {
      double anchor = brush ? ldexp (1, a - 1) : 1;
      double scale = fmax (anchor * fmax (painting_size / longer, fit), fit); /* a crop must fit */
      struct picture **at = &data->paintings[i * data->n_anchors + a];
      *at =
        picture_resize (picture, ceil (picture->width * scale - 1e-6), ceil (picture->height * scale - 1e-6), error);
      if (!*at)
        return false;
    }
  }
  return true;
}

/* (3,h,w) of @painting from (x, y) on. */
static void
copy_tile (const struct picture *painting, int64_t x, int64_t y, int64_t h, int64_t w, bool mirror, float *out)
{
  for (int c = 0; c < 3; c++)
    for (int64_t row = 0; row < h; row++) {
      const float *from = painting->rgb + ((int64_t) c * painting->height + y + row) * painting->width + x;
      float *to = out + (c * h + row) * w;
      for (int64_t i = 0; i < w; i++)
        to[i] = from[mirror ? w - 1 - i : i];
    }
}

void
style_data_crop (const struct style_data *data, struct style_draw draw, uint64_t seed, uint64_t step, int item,
                 int64_t size, float *out)
{
  struct random_key key = {.seed = seed, .stream = STREAM_CROP, .step = step};
  int whole = data->n_anchors / 2, anchor = data->n_anchors == 1 ? 0 : whole + (int) round (draw.brush);
  struct picture *const *own = data->paintings + draw.style * data->n_anchors;
  const struct picture *painting = own[own[anchor] ? anchor : whole];
  int64_t x = random_below (key, 3 * item, painting->width - size + 1),
          y = random_below (key, 3 * item + 1, painting->height - size + 1);
  copy_tile (painting, x, y, size, size, random_below (key, 3 * item + 2, 2), out);
}

void
style_data_keep_whole (struct style_data *data)
{
  for (int64_t i = 0; i < style_data_rows (data); i++)
    if (i % data->n_anchors != data->n_anchors / 2)
      g_clear_pointer (&data->paintings[i], picture_free);
}

/* Gram matrices */

static bool
new_tables (struct style_data *data, const struct features *features, GError **error)
{
  for (int s = 0; s < STYLE_SCALES; s++)
    for (int tap = 0; tap < FEATURE_TAPS; tap++) {
      int64_t c = features_channels (features, tap), rows = style_data_rows (data);
      data->gram[s][tap] = tensor_new (SHAPE (rows, c * c), DTYPE_F32, error);
      data->inverse[s][tap] = data->gram[s][tap] ? tensor_new (SHAPE (rows, 1), DTYPE_F32, error) : NULL;
      if (!data->inverse[s][tap])
        return false;
    }
  data->palette = tensor_new (SHAPE (style_data_rows (data), LOSS_PALETTE), DTYPE_F32, error);
  data->colors = data->palette ? tensor_new (SHAPE (style_data_rows (data), LOSS_COLORS), DTYPE_F32, error) : NULL;
  return data->colors != NULL;
}

/* Row @row of the tables, from the sums of a painting. */
static void
fill_row (struct style_data *data, struct style_target *target, int64_t row)
{
  style_target_normalize (target);
  for (int s = 0; s < STYLE_SCALES; s++)
    for (int tap = 0; tap < FEATURE_TAPS; tap++) {
      int64_t n = data->gram[s][tap]->shape.dim[1];
      memcpy (tensor_floats (data->gram[s][tap]) + row * n, tensor_floats (target->gram[s][tap]), n * sizeof (float));
      tensor_floats (data->inverse[s][tap])[row] = (float) target->inverse[s][tap];
    }
}

static bool
measure_painting (struct style_data *data, const struct features *features, int64_t row, struct plan_options options,
                  GError **error)
{
  const struct picture *painting = data->paintings[row];
  int64_t down = (painting->height + TILE - 1) / TILE, across = (painting->width + TILE - 1) / TILE;
  int64_t h = painting->height / down / 4 * 4, w = painting->width / across / 4 * 4;
  options.memory_limit = cpu_memory_available ();
  g_autoptr (plan) plan = style_measuring_plan (features, h, w, &options, error);
  struct style_target target = {0};
  bool ok = plan != NULL;
  for (int64_t tile = 0; ok && tile < down * across; tile++) {
    copy_tile (painting, tile % across * w, tile / across * h, h, w, false,
               tensor_floats (plan_input (plan, "painting")));
    plan_run (plan, 0, 0);
    ok = style_target_add (&target, plan, 1.0 / (down * across), error);
  }
  if (ok)
    fill_row (data, &target, row);
  style_target_clear (&target);
  loss_palette_target (painting->rgb, (int64_t) painting->width * painting->height,
                       tensor_floats (data->palette) + row * LOSS_PALETTE);
  loss_colors_target (painting->rgb, painting->height, painting->width,
                      tensor_floats (data->colors) + row * LOSS_COLORS);
  return ok;
}

bool
style_data_measure (struct style_data *data, const struct features *features, struct plan_options options,
                    GError **error)
{
  if (!new_tables (data, features, error))
    return false;
  for (int64_t row = 0; row < style_data_rows (data); row++)
    if (!measure_painting (data, features, row, options, error))
      return false;
  return true;
}

bool
style_data_make_up (struct style_data *data, const struct features *features, bool brush, GError **error)
{
  data->n_styles = 1;
  data->n_anchors = brush ? STYLE_ANCHORS : 1;
  if (!new_tables (data, features, error))
    return false;
  for (int s = 0; s < STYLE_SCALES; s++)
    for (int tap = 0; tap < FEATURE_TAPS; tap++) {
      struct tensor *tables[] = {data->gram[s][tap], data->inverse[s][tap]};
      for (int i = 0; i < 2; i++)
        random_uniform_fill ((struct random_key){.stream = STREAM_NOISE}, 0, tensor_floats (tables[i]),
                             shape_size (&tables[i]->shape));
    }
  static const float grey[LOSS_PALETTE] = {0.5f, 0.5f, 0.5f, 0.05f, 0, 0, 0, 0.05f, 0, 0, 0, 0.05f, 0.05f};
  for (int64_t row = 0; row < style_data_rows (data); row++)
    memcpy (tensor_floats (data->palette) + row * LOSS_PALETTE, grey, sizeof grey);
  random_uniform_fill ((struct random_key){.stream = STREAM_NOISE}, 0, tensor_floats (data->colors),
                       shape_size (&data->colors->shape));
  return true;
}

void
style_data_clear (struct style_data *data)
{
  for (int64_t i = 0; data->paintings && i < style_data_rows (data); i++)
    g_clear_pointer (&data->paintings[i], picture_free);
  for (int s = 0; s < STYLE_SCALES; s++)
    for (int tap = 0; tap < FEATURE_TAPS; tap++) {
      g_clear_pointer (&data->gram[s][tap], tensor_unref);
      g_clear_pointer (&data->inverse[s][tap], tensor_unref);
    }
  g_clear_pointer (&data->palette, tensor_unref);
  g_clear_pointer (&data->colors, tensor_unref);
  g_strfreev (data->names);
  g_strfreev (data->about);
  g_free (data->paintings);
  *data = (struct style_data){0};
}
