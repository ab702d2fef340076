/* SPDX-License-Identifier: Apache-2.0
 *
 * A picture that is small: one pass of one plan that takes its own statistics. Any other: a plan over the thumbnail
 * notes the statistics down, then the plan of a tile, which is given them, paints in one pass, or in one pass an octave
 * over what the pass before has changed in the photograph (effect/tiles.h), which lies on disk in between.
 *
 * The tiles are chosen from what two small plans say that a pixel takes, and the choice is checked by compiling it. */
#include "effect/canvas.h"

#include <math.h>
#include <string.h>

#include "impasto/error.h"

#define NARROW 4       /* width by height from which on a thumbnail keeps its area */
#define TILE_MOST 2048 /* pixels: a larger tile would save a tenth of the work and take memory for it */
#define LOW_REACH 16   /* pixels that the octave's low band looks around, twice */
#define REFINE 0.6f    /* strength of a repainting: strokes get edges, and no strokes upon strokes */
#define GUESS_ATTEMPTS 6
#define PLAN_CODE (8 << 20) /* bytes of the kernels that a second plan brings: measured */

const char *const strokes_names[] = {"preview", "pixels", NULL};

enum role { ROLE_WHOLE, ROLE_NOTE, ROLE_TILE, ROLES };

struct canvas_plan {
  struct plan *plan;
  int width, height, mixes;
};

struct canvas {
  const struct pack *pack;
  struct canvas_settings settings;
  int norms;
  int64_t channels[STYLE_NORMS_MAX];
  struct canvas_plan plans[ROLES];
  double fixed, a_pixel; /* bytes of a tile's plan with `guessed` mixes; a_pixel 0 = not known */
  int guessed;
  struct tile_grid grid; /* of the final size */
  int thumb_width, thumb_height, mixes;
};

struct canvas *
canvas_new (const struct pack *pack, const struct canvas_settings *settings)
{
  struct canvas *canvas = g_new0 (struct canvas, 1);
  canvas->pack = pack;
  canvas->settings = *settings;
  canvas->norms = style_net_norms (&pack->settings, canvas->channels);
  return canvas;
}

static void
drop_plan (struct canvas *canvas, enum role role)
{
  g_clear_pointer (&canvas->plans[role].plan, plan_free);
}

void
canvas_free (struct canvas *canvas)
{
  if (!canvas)
    return;
  for (int i = 0; i < ROLES; i++)
    drop_plan (canvas, i);
  g_free (canvas);
}

/* --- Sizes --- */

void
canvas_thumbnail_size (int width, int height, int *thumb_width, int *thumb_height)
{
  double longer = MAX (width, height), area = (double) width * height;
  double least = (double) CANVAS_PREVIEW * CANVAS_PREVIEW / NARROW;
  double scale = MIN (1, MAX (CANVAS_PREVIEW / longer, sqrt (least / area)));
  *thumb_width = MAX (1, lround (width * scale));
  *thumb_height = MAX (1, lround (height * scale));
}

static bool
is_small (const struct canvas *canvas)
{
  return !canvas->settings.wrap && canvas->thumb_width == canvas->grid.width &&
         canvas->thumb_height == canvas->grid.height;
}

/* Passes over the picture after the thumbnail's, each at most twice as large as the one before; the last at full size. */
static int
octaves (const struct canvas *canvas)
{
  double scale =
    MAX ((double) canvas->grid.width / canvas->thumb_width, (double) canvas->grid.height / canvas->thumb_height);
  return scale <= 1 ? 0 : MAX (1, ceil (log2 (scale) - 1e-6));
}

static bool
by_octaves (const struct canvas *canvas)
{
  return canvas->settings.strokes == STROKES_PREVIEW && octaves (canvas) > 0;
}

/* Size of octave @i of @n; 0 is the thumbnail. In equal steps: one of hardly more than 1 would lose what is finest. */
static int
octave_extent (int thumb, int extent, int i, int n)
{
  return i == n ? extent : CLAMP (lround (thumb * pow ((double) extent / thumb, (double) i / n)), 1, extent);
}

/* The share of the work of all octaves that the first @i of @n are. */
static double
octave_share (const struct canvas *canvas, int i, int n)
{
  double step = (double) canvas->grid.width * canvas->grid.height / canvas->thumb_width / canvas->thumb_height;
  double sum = 0, all = 0;
  for (int j = 1; j <= n; j++) {
    double pixels = pow (step, (double) j / n);
    sum += j <= i ? pixels : 0;
    all += pixels;
  }
  return sum / all;
}

static int
cut_of (const struct canvas *canvas)
{
  return style_net_reach (&canvas->pack->settings) + (by_octaves (canvas) ? LOW_REACH : 0);
}

/* The thumbnail's sheet: a torus has no margin, its network's borders show the opposite side, in multiples of 4. */
static struct tile_grid
thumb_grid (const struct canvas *canvas)
{
  int w = canvas->thumb_width, h = canvas->thumb_height;
  if (!canvas->settings.wrap)
    return tile_grid_new (w, h, 0, false);
  w = MAX (4, (w + 2) / 4 * 4);
  h = MAX (4, (h + 2) / 4 * 4);
  return (struct tile_grid){
    .width = w, .height = h, .sheet_width = w, .sheet_height = h, .tile_width = w, .tile_height = h};
}

/* --- Plans --- */

static void
moments_name (char name[32], int i)
{
  g_snprintf (name, 32, "moments%d", i);
}

static struct plan *
compile (const struct canvas *canvas, enum role role, int width, int height, int mixes, uint64_t limit,
         uint64_t *needed, GError **error)
{
  const struct style_net *net = &canvas->pack->settings;
  struct plan_options options = {
    .precision = canvas->settings.precision,
    .threads = canvas->settings.threads,
    .memory_limit = limit,
    .needed = needed,
  };
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, height, width));
  struct style_statistics statistics = {.given = role == ROLE_TILE};
  struct style_control control = {.gate = canvas->settings.gate};
  control.rows = graph_input (graph, "rows", SHAPE (MAX (mixes, 1), style_net_rows (net)));
  if (mixes)
    control.maps = graph_input (graph, "maps", SHAPE (1, mixes, height, width));
  control.statistics = role == ROLE_WHOLE ? NULL : &statistics;
  control.wrap = role == ROLE_NOTE && canvas->settings.wrap;
  char name[32];
  for (int i = 0; role == ROLE_TILE && i < canvas->norms; i++) {
    moments_name (name, i);
    statistics.moments[i] = graph_input (graph, name, SHAPE (1, 2 * canvas->channels[i], 1, 1));
  }
  sym painting = style_net (photo, control, net);
  for (int i = 0; role == ROLE_NOTE && i < statistics.count; i++) {
    moments_name (name, i);
    graph_output (graph, name, statistics.moments[i]);
  }
  graph_output (graph, "painting", painting);
  return plan_compile (graph, canvas->pack->weights, &options, error);
}

/* The plan of a role, unless it is there; @needed is what it takes, at most @limit. */
static bool
ready_plan (struct canvas *canvas, enum role role, int width, int height, uint64_t limit, uint64_t *needed,
            GError **error)
{
  struct canvas_plan *plan = &canvas->plans[role];
  *needed = 0;
  if (!plan->plan || plan->width != width || plan->height != height || plan->mixes != canvas->mixes) {
    drop_plan (canvas, role);
    plan->plan = compile (canvas, role, width, height, canvas->mixes, limit, needed, error);
    plan->width = width;
    plan->height = height;
    plan->mixes = canvas->mixes;
    return plan->plan != NULL;
  }
  *needed = plan_memory (plan->plan);
  if (*needed <= limit)
    return true;
  drop_plan (canvas, role);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "more memory than there is");
  return false;
}

/* Bytes of a tile's plan: fixed and a pixel, from two small ones. */
static bool
guess (struct canvas *canvas, double *fixed, double *a_pixel, GError **error)
{
  enum { SMALL = 128, LARGE = 384 };
  if (canvas->a_pixel == 0 || canvas->guessed != canvas->mixes) {
    g_autoptr (plan) small = compile (canvas, ROLE_TILE, SMALL, SMALL, canvas->mixes, 0, NULL, error);
    g_autoptr (plan) large = small ? compile (canvas, ROLE_TILE, LARGE, LARGE, canvas->mixes, 0, NULL, error) : NULL;
    if (!large)
      return false;
    double s = plan_memory (small), l = plan_memory (large);
    canvas->a_pixel = (l - s) / (LARGE * LARGE - SMALL * SMALL);
    canvas->fixed = MAX (0, s - canvas->a_pixel * SMALL * SMALL);
    canvas->guessed = canvas->mixes;
  }
  *fixed = canvas->fixed;
  *a_pixel = canvas->a_pixel;
  return true;
}

static bool
fail_memory (GError **error)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "more memory than there is");
  return false;
}

/* The plan of @grid's tiles, which is then the canvas's; @bytes is what a pass takes with it. */
static bool
ready_grid (struct canvas *canvas, const struct tile_grid *grid, uint64_t limit, uint64_t *bytes, GError **error)
{
  uint64_t beside = tile_pass_bytes (grid, canvas->mixes, by_octaves (canvas)), needed;
  bool ready = ready_plan (canvas, ROLE_TILE, grid->tile_width, grid->tile_height, limit > beside ? limit - beside : 1,
                           &needed, error);
  *bytes = beside + needed;
  if (ready)
    canvas->grid = *grid;
  return ready;
}

/* The largest tiles that fit, and their plan. The guess may be a little low; each plan that does not fit corrects it. When
 * none fits, the smallest tiles tell what would do. */
static bool
ready_tiles (struct canvas *canvas, uint64_t limit, uint64_t *bytes, GError **error)
{
  double fixed, a_pixel, factor = 1;
  bool low = by_octaves (canvas);
  struct tile_grid grid;
  if (!guess (canvas, &fixed, &a_pixel, error))
    return false;
  for (int attempt = 0; attempt < GUESS_ATTEMPTS; attempt++) {
    grid = canvas->grid;
    if (!tile_grid_fit (&grid, canvas->mixes, low, factor * fixed, factor * a_pixel, TILE_MOST, limit))
      break;
    g_autoptr (GError) local = NULL;
    double guessed = fixed + a_pixel * grid.tile_width * grid.tile_height;
    if (ready_grid (canvas, &grid, limit, bytes, &local))
      return true;
    if (!g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY)) {
      g_propagate_error (error, g_steal_pointer (&local));
      return false;
    }
    factor = MAX (factor * 1.02, (*bytes - tile_pass_bytes (&grid, canvas->mixes, low)) / guessed);
  }
  grid = canvas->grid;
  tile_grid_fit (&grid, canvas->mixes, low, fixed, a_pixel, TILE_MOST, 0);
  return ready_grid (canvas, &grid, limit, bytes, error);
}

/* Weights as floats, and laid out once more for the kernels. */
static uint64_t
weights_bytes (const struct canvas *canvas)
{
  struct weights *weights = canvas->pack->weights;
  uint64_t bytes = 0;
  for (guint i = 0; i < weights_count (weights); i++)
    bytes += weights_at (weights, i)->size;
  return 2 * bytes;
}

/* Of the thumbnail: its photograph at twice the size, reduced; then photograph, painting and what a pass holds. */
static void
thumb_bytes (const struct canvas *canvas, uint64_t *reading, uint64_t *painting)
{
  struct tile_grid grid = thumb_grid (canvas);
  uint64_t thumb = 3 * sizeof (float) * (uint64_t) grid.width * grid.height;
  *reading = 6 * thumb;
  *painting = 2 * thumb + tile_pass_bytes (&grid, canvas->mixes, false);
}

static bool
prepare_whole (struct canvas *canvas, uint64_t limit, uint64_t *bytes, GError **error)
{
  uint64_t beside = tile_pass_bytes (&canvas->grid, canvas->mixes, false), needed;
  bool ready = ready_plan (canvas, ROLE_WHOLE, canvas->grid.tile_width, canvas->grid.tile_height,
                           limit > beside ? limit - beside : 1, &needed, error);
  *bytes = beside + needed;
  return ready;
}

static bool
prepare_tiles (struct canvas *canvas, uint64_t limit, uint64_t *bytes, GError **error)
{
  struct tile_grid thumb = thumb_grid (canvas);
  uint64_t needed, reading, painting, tiles = 0;
  thumb_bytes (canvas, &reading, &painting);
  uint64_t most = limit > painting ? limit - painting : 1;
  g_autoptr (GError) local = NULL;
  bool noted = ready_plan (canvas, ROLE_NOTE, thumb.tile_width, thumb.tile_height, most, &needed, &local);
  if (!noted && !g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY)) {
    g_propagate_error (error, g_steal_pointer (&local));
    return false;
  }
  /* Of the thumbnail's plan, while tiles are painted: input and output, constants, code. */
  double constants, a_pixel;
  if (!guess (canvas, &constants, &a_pixel, error))
    return false;
  uint64_t kept = 6 * sizeof (float) * (uint64_t) thumb.tile_width * thumb.tile_height + constants + PLAN_CODE;
  bool ready = ready_tiles (canvas, limit > kept ? limit - kept : 0, &tiles, error);
  *bytes = MAX (MAX (reading, painting + needed), tiles + kept);
  if (ready && (!noted || *bytes > limit))
    return fail_memory (error);
  return ready;
}

static double
operations_of (const struct canvas *canvas)
{
  if (is_small (canvas))
    return plan_flops (canvas->plans[ROLE_WHOLE].plan);
  const struct canvas_plan *tile = &canvas->plans[ROLE_TILE];
  double note = plan_flops (canvas->plans[ROLE_NOTE].plan), pixels = tile_grid_pixels (&canvas->grid);
  double pass = plan_flops (tile->plan) * pixels / ((double) tile->width * tile->height);
  int n = octaves (canvas);
  if (!by_octaves (canvas))
    return note + pass;
  return 2 * note + pass / (1 - octave_share (canvas, n - 1, n));
}

bool
canvas_prepare (struct canvas *canvas, int width, int height, int mixes, uint64_t limit,
                struct method_forecast *forecast, GError **error)
{
  uint64_t bytes = 0;
  canvas->mixes = mixes;
  canvas->grid = (struct tile_grid){.width = width, .height = height};
  canvas_thumbnail_size (width, height, &canvas->thumb_width, &canvas->thumb_height);
  canvas->grid = tile_grid_new (width, height, cut_of (canvas), canvas->settings.wrap);
  forecast->fixed = weights_bytes (canvas);
  limit = limit > forecast->fixed ? limit - forecast->fixed : 1;
  if (is_small (canvas)) {
    drop_plan (canvas, ROLE_NOTE);
    drop_plan (canvas, ROLE_TILE);
  } else
    drop_plan (canvas, ROLE_WHOLE);
  bool ready =
    is_small (canvas) ? prepare_whole (canvas, limit, &bytes, error) : prepare_tiles (canvas, limit, &bytes, error);
  forecast->bytes = forecast->fixed + bytes;
  forecast->held = forecast->fixed;
  for (int i = 0; i < ROLES; i++)
    if (canvas->plans[i].plan)
      forecast->held += 6 * sizeof (float) * (uint64_t) canvas->plans[i].width * canvas->plans[i].height;
  if (ready) {
    forecast->operations = operations_of (canvas);
    forecast->precision = precision_names[plan_precision (canvas_plan (canvas))];
  }
  return ready;
}

const struct plan *
canvas_plan (const struct canvas *canvas)
{
  return canvas->plans[is_small (canvas) ? ROLE_WHOLE : ROLE_TILE].plan;
}

/* --- Painting --- */

static void
set_rows (const struct canvas *canvas, enum role role, const float *rows)
{
  struct tensor *tensor = plan_input (canvas->plans[role].plan, "rows");
  memcpy (tensor_floats (tensor), rows, tensor->size);
}

/* Hands the statistics that the thumbnail's plan has noted down to the tile's. */
static void
hand_on (struct canvas *canvas)
{
  for (int i = 0; i < canvas->norms; i++) {
    char name[32];
    moments_name (name, i);
    struct tensor *from = plan_output (canvas->plans[ROLE_NOTE].plan, name),
                  *to = plan_input (canvas->plans[ROLE_TILE].plan, name);
    memcpy (tensor_floats (to), tensor_floats (from), to->size);
  }
}

/* Rows for repainting a painting: the photograph's row, which then stands for what the network is shown, takes part. */
static float *
refining_rows (const struct canvas *canvas, const float *rows)
{
  const struct style_net *net = &canvas->pack->settings;
  int n = style_net_rows (net), photograph = style_net_photograph_row (net), mixed = net->styles + (photograph >= 0);
  float *out = g_memdup2 (rows, sizeof (float) * n * MAX (canvas->mixes, 1));
  for (int m = 0; photograph >= 0 && m < MAX (canvas->mixes, 1); m++) {
    for (int i = 0; i < mixed; i++)
      out[m * n + i] *= REFINE;
    out[m * n + photograph] += 1 - REFINE;
  }
  return out;
}

/* Of repainting with a network that has no row for the photograph. */
static float
refining_blend (const struct canvas *canvas)
{
  return style_net_photograph_row (&canvas->pack->settings) >= 0 ? 1 : REFINE;
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

/* One pass over the thumbnail @from, whose statistics are noted down, into @to. */
static bool
note (struct canvas *canvas, const struct canvas_picture *picture, const struct picture *from, struct picture *to,
      const float *rows, const struct paint_job *job, GError **error)
{
  struct tile_pass pass = {
    .grid = thumb_grid (canvas),
    .plan = canvas->plans[ROLE_NOTE].plan,
    .maps = picture->maps,
    .source = rows_from (from),
    .sink = rows_into (to),
    .blend = 1,
    .seed = canvas->settings.seed,
    .model = canvas->pack->path,
    .job = job,
    .what = "looking",
  };
  set_rows (canvas, ROLE_NOTE, rows);
  return tile_pass_run (&pass, error);
}

static bool
paint_thumb (struct canvas *canvas, const struct canvas_picture *picture, struct thumb *thumb,
             const struct paint_job *job, GError **error)
{
  struct tile_grid grid = thumb_grid (canvas);
  thumb->photo = rows_thumbnail (&picture->source, grid.width, grid.height, error);
  thumb->painting = thumb->photo ? picture_new (grid.width, grid.height, false, error) : NULL;
  return thumb->painting && note (canvas, picture, thumb->photo, thumb->painting, picture->rows, job, error);
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

/* A grid like the final one's, of a smaller picture: the tiles stay. */
static struct tile_grid
octave_grid (const struct canvas *canvas, int width, int height)
{
  struct tile_grid grid = tile_grid_new (width, height, canvas->grid.cut, canvas->settings.wrap);
  grid.tile_width = canvas->grid.tile_width;
  grid.tile_height = canvas->grid.tile_height;
  grid.sheet_width = MAX (grid.sheet_width, grid.tile_width);
  grid.sheet_height = MAX (grid.sheet_height, grid.tile_height);
  return grid;
}

/* Octave @i of @n, over what the one before has changed. The last goes to the sink, others to a store of their own. */
static bool
paint_octave (struct canvas *canvas, const struct canvas_picture *picture, int i, int n, struct row_store **store,
              const struct paint_job *job, GError **error)
{
  int width = octave_extent (canvas->thumb_width, canvas->grid.width, i, n),
      height = octave_extent (canvas->thumb_height, canvas->grid.height, i, n);
  g_autoptr (row_shrink) shrink = row_shrink_new (&picture->source, width, height, error);
  g_autoptr (row_store) next = NULL;
  if (!shrink)
    return false;
  struct tile_pass pass = {
    .grid = octave_grid (canvas, width, height),
    .plan = canvas->plans[ROLE_TILE].plan,
    .maps = picture->maps,
    .source = row_shrink_source (shrink),
    .sink = picture->sink,
    .low = *store,
    .difference = i < n,
    .blend = refining_blend (canvas),
    .seed = canvas->settings.seed,
    .model = canvas->pack->path,
    .job = job,
    .what = i < n ? "enlarging" : "painting",
    .from = octave_share (canvas, i - 1, n),
    .to = octave_share (canvas, i, n),
  };
  if (i < n) {
    next = row_store_new (width, height, 3, error);
    pass.sink = row_store_sink (next);
  }
  if ((i < n && !next) || !tile_pass_run (&pass, error))
    return false;
  row_store_free (*store);
  *store = g_steal_pointer (&next);
  return true;
}

static bool
paint_octaves (struct canvas *canvas, const struct canvas_picture *picture, struct thumb *thumb,
               const struct paint_job *job, GError **error)
{
  g_autofree float *rows = refining_rows (canvas, picture->rows);
  g_autoptr (row_store) store = store_thumb (thumb, error);
  /* Repainting meets paintings, so their statistics are what counts. */
  if (!store || !note (canvas, picture, thumb->painting, thumb->photo, rows, job, error))
    return false;
  thumb_clear (thumb);
  plan_release (canvas->plans[ROLE_NOTE].plan);
  hand_on (canvas);
  set_rows (canvas, ROLE_TILE, rows);
  for (int i = 1, n = octaves (canvas); i <= n; i++)
    if (!paint_octave (canvas, picture, i, n, &store, job, error))
      return false;
  return true;
}

static bool
paint_pass (struct canvas *canvas, const struct canvas_picture *picture, enum role role, const struct paint_job *job,
            GError **error)
{
  struct tile_pass pass = {
    .grid = canvas->grid,
    .plan = canvas->plans[role].plan,
    .maps = picture->maps,
    .source = picture->source,
    .sink = picture->sink,
    .blend = 1,
    .seed = canvas->settings.seed,
    .model = canvas->pack->path,
    .job = job,
    .what = "painting",
    .to = 1,
  };
  set_rows (canvas, role, picture->rows);
  return tile_pass_run (&pass, error);
}

static bool
paint_large (struct canvas *canvas, const struct canvas_picture *picture, struct thumb *thumb,
             const struct paint_job *job, GError **error)
{
  if (!paint_thumb (canvas, picture, thumb, job, error))
    return false;
  if (by_octaves (canvas))
    return paint_octaves (canvas, picture, thumb, job, error);
  thumb_clear (thumb);
  plan_release (canvas->plans[ROLE_NOTE].plan);
  hand_on (canvas);
  return paint_pass (canvas, picture, ROLE_TILE, job, error);
}

bool
canvas_paint (struct canvas *canvas, const struct canvas_picture *picture, const struct paint_job *job, GError **error)
{
  struct thumb thumb = {0};
  bool ok = is_small (canvas) ? paint_pass (canvas, picture, ROLE_WHOLE, job, error)
                              : paint_large (canvas, picture, &thumb, job, error);
  thumb_clear (&thumb);
  for (int i = 0; i < ROLES; i++)
    if (canvas->plans[i].plan)
      plan_release (canvas->plans[i].plan);
  return ok;
}
