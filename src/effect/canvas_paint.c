/* SPDX-License-Identifier: Apache-2.0
 *
 * Painting on a canvas that is ready: the thumbnail, whose statistics the tiles are given, then one pass, or one an
 * octave. */
#include <math.h>
#include <string.h>

#include "effect/canvas_internal.h"
#include "impasto/error.h"

#define REFINE 0.6f /* strength of a repainting: strokes get edges, and no strokes upon strokes */

/* The share of the grain that each mix gets: none where the photograph itself is to be seen, as net/style.c's gate has
 * it. */
static void
set_grained (struct canvas *canvas, const float *rows)
{
  const struct canvas_net *net = &canvas->net;
  int mixes = MAX (canvas->mixes, 1);
  canvas->grained = g_renew (float, canvas->grained, mixes);
  for (int m = 0; m < mixes; m++) {
    bool photograph = canvas->settings.gate && net->photograph >= 0;
    canvas->grained[m] = 1 - (photograph ? CLAMP (2 * rows[m * net->rows + net->photograph] - 1, 0, 1) : 0);
  }
}

static void
set_rows (struct canvas *canvas, enum role role, const float *rows)
{
  struct tensor *tensor = plan_input (canvas->plans[role].plan, "rows");
  if (tensor) /* a network may have no use for them */
    memcpy (tensor_floats (tensor), rows, tensor->size);
  set_grained (canvas, rows);
}

/* Hands the statistics that the thumbnail's plan has noted down to the tile's, as those of mix @mix. */
static void
hand_on (struct canvas *canvas, int mix)
{
  for (int i = 0; i < canvas->net.norms; i++) {
    char name[32];
    canvas_moments_name (name, i);
    struct tensor *from = plan_output (canvas->plans[ROLE_NOTE].plan, name),
                  *to = plan_input (canvas->plans[ROLE_TILE].plan, name);
    if (to) /* a network may have no use for it */
      memcpy ((char *) to->data + mix * from->size, from->data, from->size);
  }
}

/* Rows for repainting a painting: the photograph's row, which then stands for what the network is shown, takes part. */
static float *
refining_rows (const struct canvas *canvas, const float *rows)
{
  const struct canvas_net *net = &canvas->net;
  float *out = g_memdup2 (rows, sizeof (float) * net->rows * MAX (canvas->mixes, 1));
  for (int m = 0; net->photograph >= 0 && m < MAX (canvas->mixes, 1); m++) {
    for (int i = 0; i < net->shares; i++)
      out[m * net->rows + i] *= REFINE;
    out[m * net->rows + net->photograph] += 1 - REFINE;
  }
  return out;
}

/* Of repainting with a network that has no row for the photograph. */
static float
refining_blend (const struct canvas *canvas)
{
  return canvas->net.photograph >= 0 ? 1 : REFINE;
}

/* What all passes share, of a photograph that has not been painted. */
static struct tile_pass
pass_of (const struct canvas *canvas, enum role role, const struct map_source *maps, const struct paint_job *job,
         const char *what)
{
  return (struct tile_pass){
    .plan = canvas->plans[role].plan,
    .maps = *maps,
    .blend = 1,
    .grain = canvas->net.grain && !canvas->bare ? canvas->settings.grain : 0,
    .grained = canvas->grained,
    .seed = canvas->settings.seed,
    .model = canvas->net.file,
    .job = job,
    .what = what,
    .from = canvas->done,
    .to = canvas->done,
  };
}

struct thumb {
  struct picture *photo, *painting;
};

static void
thumb_clear (struct thumb *thumb)
{
  g_clear_pointer (&thumb->photo, picture_free);
  g_clear_pointer (&thumb->painting, picture_free);
}

/* Shares of a picture that is all of one mix. */
struct alone {
  int mixes, mix;
};

static bool
read_alone (void *data, int width, int height, int y, float *row, GError **error)
{
  const struct alone *alone = data;
  for (int m = 0; m < alone->mixes; m++)
    for (int64_t x = 0; x < width; x++)
      row[m * (int64_t) width + x] = m == alone->mix;
  return true;
}

/* A pass over the thumbnail: the photograph becomes the painting; or, to @repaint, the painting what was the photograph. */
static bool
pass_thumb (struct canvas *canvas, enum role role, const struct tile_grid *grid, const struct map_source *maps,
            const struct thumb *thumb, bool repaint, const float *rows, const struct paint_job *job, GError **error)
{
  set_rows (canvas, role, rows);
  struct tile_pass pass = pass_of (canvas, role, maps, job, "looking");
  pass.grid = *grid;
  pass.source = rows_from (repaint ? thumb->painting : thumb->photo);
  pass.sink = rows_into (repaint ? thumb->photo : thumb->painting);
  pass.grain = repaint ? 0 : pass.grain;
  return tile_pass_run (&pass, error);
}

/* The shares of styles in a torus that is repeated. */
struct repeated_maps {
  const struct map_source *from;
  int width, height;
};

static bool
read_repeated_maps (void *data, int width, int height, int y, float *row, GError **error)
{
  const struct repeated_maps *repeated = data;
  const struct map_source *maps = repeated->from;
  int64_t w = repeated->width;
  g_autofree float *once = g_new (float, maps->mixes *w);
  if (!maps->read (maps->data, repeated->width, repeated->height, y % repeated->height, once, error))
    return false;
  for (int m = 0; m < maps->mixes; m++)
    for (int64_t x = 0; x < width; x++)
      row[m * (int64_t) width + x] = once[m * w + x % w];
  return true;
}

/* Paints the thumbnail, or repaints it, and gives the tiles the statistics of that. */
static bool
note (struct canvas *canvas, const struct canvas_picture *picture, const struct thumb *thumb, bool repaint,
      const float *rows, const struct paint_job *job, GError **error)
{
  struct tile_grid grid = canvas_thumb_grid (canvas);
  int n = canvas_noted_mixes (canvas);
  int w = picture->source.width, h = picture->source.height;
  struct repeated_maps repeated = {&picture->maps, w, h};
  struct map_source all = picture->maps;
  if (all.mixes && (canvas_torus_times (canvas, w) > 1 || canvas_torus_times (canvas, h) > 1))
    all = (struct map_source){all.mixes, read_repeated_maps, &repeated};
  for (int i = 0; i < n; i++) {
    struct alone alone = {canvas->mixes, i};
    struct map_source maps = n > 1 ? (struct map_source){canvas->mixes, read_alone, &alone} : all;
    if (!pass_thumb (canvas, ROLE_NOTE, &grid, &maps, thumb, repaint, rows, job, error))
      return false;
    hand_on (canvas, i);
  }
  plan_release (canvas->plans[ROLE_NOTE].plan);
  return true;
}

/* A torus, repeated in both directions. */
struct repeated {
  const struct row_source *from;
  int width;
};

static bool
read_repeated (void *data, int y, int n, float *rows, int64_t stride, GError **error)
{
  const struct repeated *repeated = data;
  const struct row_source *from = repeated->from;
  for (int i = 0; i < n; i++) {
    float *row = rows + (int64_t) i * repeated->width;
    if (!from->read (from->data, (y + i) % from->height, 1, row, stride, error))
      return false;
    for (int c = 0; c < from->planes; c++)
      for (int x = from->width; x < repeated->width; x++)
        row[c * stride + x] = row[c * stride + x - from->width];
  }
  return true;
}

static struct picture *
thumbnail (const struct canvas *canvas, const struct row_source *source, const struct tile_grid *grid, GError **error)
{
  int across = canvas_torus_times (canvas, source->width), down = canvas_torus_times (canvas, source->height);
  struct repeated repeated = {source, across * source->width};
  struct row_source torus = {repeated.width, down * source->height, source->planes, read_repeated, &repeated};
  return rows_thumbnail (across * down > 1 ? &torus : source, grid->width, grid->height, error);
}

static bool
paint_thumb (struct canvas *canvas, const struct canvas_picture *picture, struct thumb *thumb,
             const struct paint_job *job, GError **error)
{
  struct tile_grid grid = canvas_thumb_grid (canvas);
  thumb->photo = thumbnail (canvas, &picture->source, &grid, error);
  thumb->painting = thumb->photo ? picture_new (grid.width, grid.height, false, error) : NULL;
  if (!thumb->painting || !note (canvas, picture, thumb, false, picture->rows, job, error))
    return false;
  if (!canvas_thumb_by_tiles (canvas))
    return true;
  grid = canvas_octave_grid (canvas, grid.width, grid.height);
  bool ok = pass_thumb (canvas, ROLE_TILE, &grid, &picture->maps, thumb, false, picture->rows, job, error);
  plan_release (canvas->plans[ROLE_TILE].plan); /* the thumbnail is noted once more, before the tiles' turn */
  return ok;
}

/* What the thumbnail's painting has changed, as a store. */
static struct row_store *
store_thumb (const struct thumb *thumb, GError **error)
{
  int w = thumb->photo->width, h = thumb->photo->height;
  g_autoptr (row_store) store = row_store_new (w, h, 3, error);
  int64_t plane = (int64_t) w * h;
  for (int64_t i = 0; store && i < 3 * plane; i++)
    thumb->photo->rgb[i] = 0.5f + 0.5f * (thumb->painting->rgb[i] - thumb->photo->rgb[i]);
  for (int y = 0; store && y < h; y++)
    if (!row_store_write (store, y, 0, 3, thumb->photo->rgb + (int64_t) y * w, plane, error))
      return NULL;
  return g_steal_pointer (&store);
}

/* Size of octave @i of @n; 0 is the base. In equal steps: one of hardly more than 1 would lose what is finest. */
static int
octave_extent (int base, int extent, int i, int n)
{
  return i == n ? extent : CLAMP (lround (base * pow ((double) extent / base, (double) i / n)), 1, extent);
}

/* Octave @i of @n, over what the one before has changed, if there was one. The last goes to the sink, others to a store
 * of their own. */
static bool
paint_octave (struct canvas *canvas, const struct canvas_picture *picture, int i, int n, struct row_store **store,
              const struct paint_job *job, GError **error)
{
  int width = octave_extent (canvas->base_width, canvas->grid.width, i, n),
      height = octave_extent (canvas->base_height, canvas->grid.height, i, n);
  g_autoptr (row_shrink) shrink = row_shrink_new (&picture->source, width, height, error);
  g_autoptr (row_store) next = NULL;
  if (!shrink)
    return false;
  struct tile_pass pass = pass_of (canvas, ROLE_TILE, &picture->maps, job, *store && i < n ? "enlarging" : "painting");
  pass.grid = canvas_octave_grid (canvas, width, height);
  pass.source = row_shrink_source (shrink);
  pass.sink = picture->sink;
  pass.difference = i < n;
  pass.to = canvas_octave_share (canvas, i, n);
  if (*store) { /* repaints */
    pass.low = *store;
    pass.blend = refining_blend (canvas);
    pass.grain = 0;
  }
  if (i < n) {
    next = row_store_new (width, height, 3, error);
    pass.sink = row_store_sink (next);
  }
  if ((i < n && !next) || !tile_pass_run (&pass, error))
    return false;
  row_store_free (*store);
  *store = g_steal_pointer (&next);
  canvas->done = pass.to;
  return true;
}

static bool
paint_octaves (struct canvas *canvas, const struct canvas_picture *picture, struct thumb *thumb,
               const struct paint_job *job, GError **error)
{
  g_autofree float *rows = refining_rows (canvas, picture->rows);
  g_autoptr (row_store) store = NULL;
  int n = canvas_octaves (canvas), i = canvas_first_octave (canvas);
  if (i == 0) {
    set_rows (canvas, ROLE_TILE, picture->rows);
    if (!paint_octave (canvas, picture, i++, n, &store, job, error))
      return false;
    plan_release (canvas->plans[ROLE_TILE].plan); /* before the thumbnail's turn */
  } else
    store = store_thumb (thumb, error);
  /* Repainting meets paintings, so their statistics are what counts. */
  if (!store || !note (canvas, picture, thumb, true, rows, job, error))
    return false;
  thumb_clear (thumb);
  set_rows (canvas, ROLE_TILE, rows);
  for (; i <= n; i++)
    if (!paint_octave (canvas, picture, i, n, &store, job, error))
      return false;
  return true;
}

static bool
paint_pass (struct canvas *canvas, const struct canvas_picture *picture, enum role role, const struct paint_job *job,
            GError **error)
{
  set_rows (canvas, role, picture->rows);
  struct tile_pass pass = pass_of (canvas, role, &picture->maps, job, "painting");
  pass.grid = canvas->grid;
  pass.source = picture->source;
  pass.sink = picture->sink;
  pass.to = 1;
  return tile_pass_run (&pass, error);
}

static bool
paint_large (struct canvas *canvas, const struct canvas_picture *picture, struct thumb *thumb,
             const struct paint_job *job, GError **error)
{
  if (!paint_thumb (canvas, picture, thumb, job, error))
    return false;
  if (canvas_octaves (canvas) > 0)
    return paint_octaves (canvas, picture, thumb, job, error);
  thumb_clear (thumb);
  return paint_pass (canvas, picture, ROLE_TILE, job, error);
}

bool
canvas_paint (struct canvas *canvas, const struct canvas_picture *picture, const struct paint_job *job, GError **error)
{
  struct thumb thumb = {0};
  canvas->done = 0;
  bool ok = canvas_is_small (canvas) ? paint_pass (canvas, picture, ROLE_WHOLE, job, error)
                                     : paint_large (canvas, picture, &thumb, job, error);
  thumb_clear (&thumb);
  for (int i = 0; i < ROLES; i++)
    if (canvas->plans[i].plan)
      plan_release (canvas->plans[i].plan);
  return ok;
}
