/* SPDX-License-Identifier: Apache-2.0
 *
 * A picture that is small: one pass of one plan that takes its own statistics. Any other: a plan over the thumbnail
 * notes the statistics down, then the plan of a tile, which is given them, paints in one pass, or in one pass an octave
 * over what the pass before has changed in the photograph (effect/tiles.h), which lies on disk in between.
 *
 * This is how it gets ready; canvas_paint.c paints. The tiles are chosen from what two small plans say that a pixel
 * takes, and the choice is checked by compiling it. */
#include "effect/canvas_internal.h"

#include <malloc.h>
#include <math.h>
#include <string.h>

#include "device/cpu.h"
#include "impasto/error.h"

#define NARROW 4       /* width by height from which on a thumbnail keeps its area */
#define TILE_MOST 2048 /* pixels: a larger tile would save a tenth of the work and take memory for it */
#define TILE_LEAST 96  /* pixels beside the cut sides: whatever the memory */
#define LOW_REACH 16   /* pixels that the octave's low band looks around, twice */
#define GUESS_ATTEMPTS 6
#define BASE_LEAST 8 /* pixels a side: of fewer there are no statistics */
/* Of a torus of fewer pixels there is not enough for statistics; and one that is brought to multiples of the network by
 * scaling has others than the tiles, the more the smaller it is. */
#define TORUS_LEAST 64
#define TORUS_SMALL 256
#define PLAN_CODE (8 << 20) /* bytes of the kernels that a second plan brings: measured */

const char *const strokes_names[] = {"preview", "pixels", NULL};

struct canvas *
canvas_new (const struct canvas_net *net, const struct canvas_settings *settings)
{
  struct canvas *canvas = g_new0 (struct canvas, 1);
  canvas->net = *net;
  canvas->settings = *settings;
  return canvas;
}

static void
drop_plan (struct canvas *canvas, enum role role)
{
  if (!canvas->plans[role].plan)
    return;
  g_clear_pointer (&canvas->plans[role].plan, plan_free);
  malloc_trim (0); /* or what it has taken would stay ours, and count beside the next one's */
}

void
canvas_free (struct canvas *canvas)
{
  if (!canvas)
    return;
  for (int i = 0; i < ROLES; i++)
    drop_plan (canvas, i);
  g_free (canvas->grained);
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

int
canvas_noted_mixes (const struct canvas *canvas)
{
  return canvas->net.apart ? MAX (canvas->mixes, 1) : 1;
}

bool
canvas_is_small (const struct canvas *canvas)
{
  return !canvas->settings.wrap && canvas_noted_mixes (canvas) == 1 && canvas->thumb_width == canvas->grid.width &&
         canvas->thumb_height == canvas->grid.height;
}

double
canvas_set_brush (struct canvas *canvas, int width, int height, double brush, bool grain)
{
  int thumb_width, thumb_height, longer = MAX (width, height), usual = longer;
  canvas_thumbnail_size (width, height, &thumb_width, &thumb_height);
  if (canvas->settings.strokes == STROKES_PREVIEW)
    usual = MAX (thumb_width, thumb_height);
  double wanted = usual / (brush * longer), enlarged = MAX (1, wanted);
  canvas->bare = !grain;
  canvas->base_scale = brush == 1 ? 0 : wanted / enlarged;
  return enlarged;
}

/* A side of the base: of a few pixels there are no statistics, of a torus of less than many not enough. */
static int
base_side (const struct canvas *canvas, int side)
{
  int least = canvas->settings.wrap ? TORUS_LEAST : BASE_LEAST;
  return CLAMP (lround (canvas->base_scale * side), MIN (least, side), side);
}

/* The base and the thumbnail, for a picture of this size. */
static void
set_sizes (struct canvas *canvas, int width, int height)
{
  int thumb_width, thumb_height;
  canvas_thumbnail_size (width, height, &thumb_width, &thumb_height);
  bool pixels = canvas->settings.strokes == STROKES_PIXELS;
  canvas->base_width = pixels ? width : thumb_width;
  canvas->base_height = pixels ? height : thumb_height;
  if (canvas->base_scale > 0) {
    canvas->base_width = base_side (canvas, width);
    canvas->base_height = base_side (canvas, height);
  }
  canvas->thumb_width = MIN (thumb_width, canvas->base_width);
  canvas->thumb_height = MIN (thumb_height, canvas->base_height);
}

int
canvas_octaves (const struct canvas *canvas)
{
  double scale =
    MAX ((double) canvas->grid.width / canvas->base_width, (double) canvas->grid.height / canvas->base_height);
  return scale <= 1 ? 0 : MAX (1, ceil (log2 (scale) - 1e-6));
}

int
canvas_first_octave (const struct canvas *canvas)
{
  return canvas->base_width > canvas->thumb_width || canvas->base_height > canvas->thumb_height ? 0 : 1;
}

double
canvas_octave_share (const struct canvas *canvas, int i, int n)
{
  double step = (double) canvas->grid.width * canvas->grid.height / canvas->base_width / canvas->base_height;
  double sum = 0, all = 0;
  for (int j = canvas_first_octave (canvas); j <= n; j++) {
    double pixels = pow (step, (double) j / n);
    sum += j <= i ? pixels : 0;
    all += pixels;
  }
  return sum / all;
}

static struct tile_frame
frame_of (const struct canvas *canvas)
{
  int multiple = canvas->net.multiple, low = (LOW_REACH + multiple - 1) / multiple * multiple;
  return (struct tile_frame){
    .wrap = canvas->settings.wrap,
    .multiple = multiple,
    .margin = canvas_octaves (canvas) > 0 ? canvas->net.octave_margin : canvas->net.margin,
    .cut = canvas->net.reach + (canvas_octaves (canvas) > 0 ? low : 0),
  };
}

bool
canvas_thumb_by_tiles (const struct canvas *canvas)
{
  bool open = canvas->settings.wrap && !canvas->net.wraps;
  return (open || canvas_noted_mixes (canvas) > 1) && canvas_octaves (canvas) > 0;
}

int
canvas_torus_times (const struct canvas *canvas, int side)
{
  bool whole = canvas->thumb_width == canvas->grid.width && canvas->thumb_height == canvas->grid.height;
  int times = 1;
  while (canvas->settings.wrap && whole && side < TORUS_SMALL &&
         (times * side < TORUS_LEAST || times * side % canvas->net.multiple))
    times *= 2;
  return times;
}

/* A side of a torus in multiples, exactly where it is repeated. */
static int
torus_side (const struct canvas *canvas, int side)
{
  int multiple = canvas->net.multiple, times = canvas_torus_times (canvas, side);
  return times > 1 ? times * side : MAX (multiple, (side + multiple / 2) / multiple * multiple);
}

/* A torus has no margin: its network's borders show the opposite side, in multiples. */
struct tile_grid
canvas_thumb_grid (const struct canvas *canvas)
{
  int w = canvas->thumb_width, h = canvas->thumb_height, multiple = canvas->net.multiple;
  struct tile_frame frame = {.multiple = multiple, .margin = canvas->net.margin};
  if (!canvas->settings.wrap)
    return tile_grid_new (w, h, &frame);
  frame.margin = 0;
  return tile_grid_new (torus_side (canvas, w), torus_side (canvas, h), &frame);
}

/* A grid like the final one's, of a smaller picture: the tiles stay, and the sheet is at least one of them; what lies beyond
 * its own margin must not reach the picture, or it would depend on the tiles. */
struct tile_grid
canvas_octave_grid (const struct canvas *canvas, int width, int height)
{
  if (width == canvas->grid.width && height == canvas->grid.height)
    return canvas->grid;
  struct tile_frame frame = frame_of (canvas);
  frame.margin = canvas->net.reach;
  struct tile_grid grid = tile_grid_new (width, height, &frame);
  grid.tile_width = canvas->grid.tile_width;
  grid.tile_height = canvas->grid.tile_height;
  grid.sheet_width = MAX (grid.sheet_width, grid.tile_width);
  grid.sheet_height = MAX (grid.sheet_height, grid.tile_height);
  return grid;
}

/* --- Plans --- */

void
canvas_moments_name (char name[32], int i)
{
  g_snprintf (name, 32, "moments%d", i);
}

static struct plan *
compile (const struct canvas *canvas, enum role role, int width, int height, int mixes, uint64_t limit,
         uint64_t *needed, GError **error)
{
  const struct canvas_net *net = &canvas->net;
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
  control.rows = graph_input (graph, "rows", SHAPE (MAX (mixes, 1), net->rows));
  if (mixes)
    control.maps = graph_input (graph, "maps", SHAPE (1, mixes, height, width));
  control.statistics = role == ROLE_WHOLE ? NULL : &statistics;
  control.wrap = role == ROLE_NOTE && canvas->settings.wrap;
  char name[32];
  for (int i = 0; role == ROLE_TILE && i < net->norms; i++) {
    canvas_moments_name (name, i);
    statistics.moments[i] =
      graph_input (graph, name, SHAPE (net->apart ? MAX (mixes, 1) : 1, 2 * net->channels[i], 1, 1));
  }
  sym painting = net->build (net->data, photo, &control);
  for (int i = 0; role == ROLE_NOTE && i < statistics.count; i++) {
    canvas_moments_name (name, i);
    graph_output (graph, name, statistics.moments[i]);
  }
  graph_output (graph, "painting", painting);
  return plan_compile (graph, net->weights, &options, error);
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
    g_clear_pointer (&small, plan_free);
    g_clear_pointer (&large, plan_free);
    malloc_trim (0); /* see drop_plan */
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
  uint64_t beside = tile_pass_bytes (grid, canvas->mixes, canvas_octaves (canvas) > 0), needed;
  bool ready = ready_plan (canvas, ROLE_TILE, grid->tile_width, grid->tile_height, limit > beside ? limit - beside : 1,
                           &needed, error);
  *bytes = beside + needed;
  if (ready)
    canvas->grid = *grid;
  return ready;
}

/* The largest tiles that fit, and their plan. The guess may be a little low; each plan that does not fit corrects it.
 * When none fits, the smallest tiles tell what would do. */
static bool
ready_tiles (struct canvas *canvas, uint64_t limit, int most, uint64_t *bytes, GError **error)
{
  double fixed, a_pixel, factor = 1;
  bool low = canvas_octaves (canvas) > 0;
  struct tile_grid grid;
  if (!guess (canvas, &fixed, &a_pixel, error))
    return false;
  for (int attempt = 0; attempt < GUESS_ATTEMPTS; attempt++) {
    grid = canvas->grid;
    if (!tile_grid_fit (&grid, canvas->mixes, low, factor * fixed, factor * a_pixel, most, limit))
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
  tile_grid_fit (&grid, canvas->mixes, low, fixed, a_pixel, most, 0);
  return ready_grid (canvas, &grid, limit, bytes, error);
}

/* What a plan lays out of the weights for its kernels, at most: in float32 Winograd's algorithm makes 36 numbers of
 * 9. */
static uint64_t
laid_out_bytes (const struct canvas *canvas)
{
  struct weights *weights = canvas->net.weights;
  int precision = canvas->settings.precision;
  bool floats = precision == PRECISION_F32 || (precision == PRECISION_AUTO && !cpu_has_bf16 ());
  uint64_t bytes = 0;
  for (guint i = 0; i < weights_count (weights); i++) {
    const struct tensor *tensor = weights_at (weights, i);
    bool three = tensor->shape.rank == 4 && tensor->shape.dim[2] == 3 && tensor->shape.dim[3] == 3;
    bytes += (floats && three ? 4 : 1) * tensor->size;
  }
  return bytes;
}

/* Weights as floats, and what each plan makes of them. */
static uint64_t
weights_bytes (const struct canvas *canvas)
{
  struct weights *weights = canvas->net.weights;
  uint64_t bytes = canvas->net.fixed + (canvas_is_small (canvas) ? 1 : 2) * laid_out_bytes (canvas);
  for (guint i = 0; i < weights_count (weights); i++)
    bytes += weights_at (weights, i)->size;
  return bytes;
}

/* Of the thumbnail: its photograph at twice the size, reduced; then photograph, painting and what a pass holds. */
static void
thumb_bytes (const struct canvas *canvas, uint64_t *reading, uint64_t *painting)
{
  struct tile_grid grid = canvas_thumb_grid (canvas);
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

/* A plan's input and output. */
static uint64_t
boundary_bytes (int width, int height)
{
  return 6 * sizeof (float) * (uint64_t) width * height;
}

static bool
prepare_tiles (struct canvas *canvas, uint64_t limit, uint64_t *bytes, GError **error)
{
  struct tile_grid thumb = canvas_thumb_grid (canvas);
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
  uint64_t kept = boundary_bytes (thumb.tile_width, thumb.tile_height) + constants + PLAN_CODE;
  if (canvas_thumb_by_tiles (canvas) || (canvas_octaves (canvas) > 0 && canvas_first_octave (canvas) == 0))
    kept += painting;
  uint64_t thumbs = MAX (reading, painting + needed) + PLAN_CODE;
  double side = limit > thumbs ? sqrt ((limit - thumbs) / (6.0 * sizeof (float))) : 0;
  int least = 2 * canvas->grid.cut + TILE_LEAST;
  bool ready = ready_tiles (canvas, limit > kept ? limit - kept : 0, CLAMP (side, least, TILE_MOST), &tiles, error);
  const struct canvas_plan *tile = &canvas->plans[ROLE_TILE];
  uint64_t beside =
    boundary_bytes (MAX (tile->width, least), MAX (tile->height, least)) + PLAN_CODE; /* the other way round */
  *bytes = MAX (MAX (reading, painting + needed) + beside, tiles + kept);
  if (ready && (!noted || *bytes > limit))
    return fail_memory (error);
  return ready;
}

static double
operations_of (const struct canvas *canvas)
{
  if (canvas_is_small (canvas))
    return plan_flops (canvas->plans[ROLE_WHOLE].plan);
  const struct canvas_plan *tile = &canvas->plans[ROLE_TILE];
  double note = canvas_noted_mixes (canvas) * plan_flops (canvas->plans[ROLE_NOTE].plan),
         pixels = tile_grid_pixels (&canvas->grid);
  double pass = plan_flops (tile->plan) * pixels / ((double) tile->width * tile->height);
  int n = canvas_octaves (canvas);
  if (canvas_octaves (canvas) == 0)
    return note + pass;
  return 2 * note + pass / (1 - canvas_octave_share (canvas, n - 1, n));
}

bool
canvas_prepare (struct canvas *canvas, int width, int height, int mixes, uint64_t limit,
                struct method_forecast *forecast, GError **error)
{
  uint64_t bytes = 0;
  canvas->mixes = mixes;
  canvas->grid = (struct tile_grid){.width = width, .height = height};
  set_sizes (canvas, width, height);
  struct tile_frame frame = frame_of (canvas);
  canvas->grid = tile_grid_new (width, height, &frame);
  forecast->fixed = weights_bytes (canvas);
  limit = limit > forecast->fixed ? limit - forecast->fixed : 1;
  if (canvas_is_small (canvas)) {
    drop_plan (canvas, ROLE_NOTE);
    drop_plan (canvas, ROLE_TILE);
  } else
    drop_plan (canvas, ROLE_WHOLE);
  bool ready = canvas_is_small (canvas) ? prepare_whole (canvas, limit, &bytes, error)
                                        : prepare_tiles (canvas, limit, &bytes, error);
  forecast->bytes = forecast->fixed + bytes;
  forecast->held = forecast->fixed;
  if (canvas_is_small (canvas)) /* whether its plan is ready or has been refused */
    forecast->held += boundary_bytes (canvas->grid.tile_width, canvas->grid.tile_height);
  for (int i = 0; i < ROLES; i++)
    if (canvas->plans[i].plan && i != ROLE_WHOLE)
      forecast->held += boundary_bytes (canvas->plans[i].width, canvas->plans[i].height);
  /* The rows of a small picture have all been read when its plan runs. */
  forecast->reading =
    canvas_is_small (canvas) ? forecast->held + tile_pass_bytes (&canvas->grid, canvas->mixes, false) : forecast->bytes;
  if (ready) {
    forecast->operations = operations_of (canvas);
    forecast->precision = precision_names[plan_precision (canvas_plan (canvas))];
  }
  return ready;
}

const struct plan *
canvas_plan (const struct canvas *canvas)
{
  return canvas->plans[canvas_is_small (canvas) ? ROLE_WHOLE : ROLE_TILE].plan;
}
