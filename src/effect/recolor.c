/* SPDX-License-Identifier: Apache-2.0
 *
 * See recolor.h. How far colours are moved is the setting `palette`, of what the style has to say at all: its strength
 * in the network's features. */
#include "effect/recolor.h"

#include <string.h>

#include "effect/colors.h"
#include "impasto/error.h"

struct recolor {
  const struct painter *painter;
  int width, height, mixes;
  const struct colors_sums *style; /* of each mix */
  struct colors_sums *painting;    /* likewise, as far as looked at */
  struct colors_map *maps;         /* NULL until all is looked at */
  float *shares;                   /* (mixes, rows, width); NULL with one mix */
  float *weight;                   /* (rows, width) */
};

static double
amount (const struct painter *painter)
{
  return painter->settings.palette * painter->settings.fusion_strength;
}

/* The palettes of the mixes; NULL when nothing is to be moved. */
static const struct colors_sums *
find_style (const struct painter *painter, int *mixes)
{
  return painter->method->palettes && amount (painter) > 0 ? painter->method->palettes (painter->self, mixes) : NULL;
}

uint64_t
recolor_bytes (const struct painter *painter, int width)
{
  int mixes;
  return find_style (painter, &mixes) ? sizeof (float) * (uint64_t) width * RECOLOR_ROWS * (mixes + 1) : 0;
}

struct recolor *
recolor_new (const struct painter *painter, int width, int height, GError **error)
{
  int mixes;
  const struct colors_sums *style = find_style (painter, &mixes);
  if (!style)
    return NULL;
  g_autoptr (recolor) recolor = g_new0 (struct recolor, 1);
  *recolor = (struct recolor){
    .painter = painter,
    .width = width,
    .height = height,
    .mixes = mixes,
    .style = style,
    .painting = g_new0 (struct colors_sums, mixes),
    .shares = mixes > 1 ? g_try_malloc_n ((gsize) width * mixes, RECOLOR_ROWS * sizeof (float)) : NULL,
    .weight = g_try_malloc_n (width, RECOLOR_ROWS * sizeof (float)),
  };
  if (recolor->weight && (recolor->shares || mixes == 1))
    return g_steal_pointer (&recolor);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for rows of a palette");
  return NULL;
}

void
recolor_free (struct recolor *recolor)
{
  if (!recolor)
    return;
  g_free (recolor->painting);
  g_free (recolor->maps);
  g_free (recolor->shares);
  g_free (recolor->weight);
  g_free (recolor);
}

static bool
read_shares (struct recolor *recolor, int y, int rows, GError **error)
{
  const struct painter *painter = recolor->painter;
  return !recolor->shares ||
         painter->method->shares (painter->self, recolor->width, recolor->height, y, rows, recolor->shares, error);
}

/* The first mix of the same palette as mix @k: they are one region of colours. */
static int
first_like (const struct recolor *recolor, int k)
{
  int first = 0;
  while (first < k && memcmp (&recolor->style[first], &recolor->style[k], sizeof *recolor->style) != 0)
    first++;
  return first;
}

bool
recolor_look (struct recolor *recolor, const float *rgb, int64_t stride, const float *alpha, int y, int rows,
              GError **error)
{
  int64_t n = (int64_t) rows * recolor->width;
  if (!read_shares (recolor, y, rows, error))
    return false;
  for (int k = 0; k < recolor->mixes; k++) {
    const float *weight = recolor->shares ? recolor->shares + k * n : alpha;
    if (recolor->shares && alpha) {
      for (int64_t i = 0; i < n; i++)
        recolor->weight[i] = weight[i] * alpha[i];
      weight = recolor->weight;
    }
    colors_sums_add (&recolor->painting[first_like (recolor, k)], rgb, stride, weight, n);
  }
  return true;
}

bool
recolor_move (struct recolor *recolor, float *rgb, int64_t stride, int y, int rows, GError **error)
{
  if (!recolor->maps) {
    recolor->maps = g_new (struct colors_map, recolor->mixes);
    for (int k = 0; k < recolor->mixes; k++)
      recolor->maps[k] = colors_map_within (&recolor->painting[first_like (recolor, k)], &recolor->style[k]);
  }
  if (!read_shares (recolor, y, rows, error))
    return false;
  colors_maps_move (recolor->maps, recolor->mixes, recolor->shares, amount (recolor->painter), rgb, stride,
                    (int64_t) rows * recolor->width);
  return true;
}

bool
recolor_picture (const struct painter *painter, struct picture *picture, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (recolor) recolor = recolor_new (painter, picture->width, picture->height, &local);
  int64_t w = picture->width, n = w * picture->height;
  bool ok = !local;
  for (int y = 0; ok && recolor && y < picture->height; y += RECOLOR_ROWS)
    ok = recolor_look (recolor, picture->rgb + y * w, n, picture->alpha ? picture->alpha + y * w : NULL, y,
                       MIN (RECOLOR_ROWS, picture->height - y), &local);
  for (int y = 0; ok && recolor && y < picture->height; y += RECOLOR_ROWS)
    ok = recolor_move (recolor, picture->rgb + y * w, n, y, MIN (RECOLOR_ROWS, picture->height - y), &local);
  if (local)
    g_propagate_error (error, g_steal_pointer (&local));
  return ok;
}
