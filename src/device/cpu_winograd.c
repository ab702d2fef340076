/* SPDX-License-Identifier: Apache-2.0
 *
 * Dense 3x3 convolutions of stride 1 in float32 by Winograd's F(4x4, 3x3), a quarter of the multiplications, and 2x2
 * ones by F(5x5, 2x2), 36 % of them; oneDNN has the former for blocked pictures only. Tiles of the result are taken in
 * blocks small enough for the second-level cache:
 *
 *   v := transformed pictures of the block's tiles          (gather)
 *   for each 32 outputs: m := v u at all 36 points          (multiply)
 *                        y := what m is in pixels, + bias   (scatter)
 *
 * One thread does one block at a time, with a v and an m of its own. Where there are few tiles and many weights,
 * reading these is what takes the time: then v holds all tiles, and each thread does some of the outputs, so that a
 * weight is read once. No number depends on how the work is divided. The border is in two tables that say for each row
 * and column of the padded picture where it comes from, or that it is zero. The derivative for x is the same
 * convolution of dy with the weight transposed and turned around. */
#include <stdlib.h>

#include "device/cpu_conv.h"
#include "device/winograd_tiles.h"
#include "impasto/error.h"

#include <omp.h>

#define BLOCK_FLOATS (200 * 1024) /* of v and m together; the weights stream past them through the same cache */
#define LEAST_TILES 32            /* in a block, if there are as many */
#define MOST_TILES 144
#define SHARED_FLOATS (16384 * WINOGRAD_POINTS) /* of a v that holds all tiles */

struct winograd {
  const struct winograd_kernels *kernels;
  int64_t channels, outputs, panels;
  struct winograd_tiles tiles;
  int64_t block;   /* at most so many tiles at a time */
  int64_t threads; /* as when it was prepared */
  bool by_outputs; /* a thread does all tiles of some outputs */
  enum winograd_form form;
  bool turned;
  const float *u; /* of a constant weight: u[panel][point][c][PANEL]; own, or a twin's */
  float *own;
  const struct spread *spread;                    /* where results go, if not to y */
  size_t block_stride, v_plane, m_plane, u_plane; /* floats */
  size_t u_floats, v_floats, m_floats;            /* scratch: u unless constant, v (of each thread), m of each */
};

/* What is to be convolved, the same for a derivative. */
struct geometry {
  const struct value *x, *w, *y;
  int64_t before[2]; /* rows and columns of zeros above and left of x */
  bool turned, repeated;
};

/* Whether it pays */

/* Times in multiply-adds that one thread does meanwhile, measured on 2 cores of a Sapphire Rapids with shapes from 16
 * -> 16 channels at 256x256 to 512 -> 512 at 4x4, weights not in a cache. With AVX2 a thread does half as many or
 * fewer. */
#define TRANSFORM 700.0     /* of one channel of a tile, in or out */
#define FETCH 33.0          /* reading the weights once: this many tiles' products */
#define FETCH_AGAIN 10.0    /* where they were read just before, */
#define NEAR_WEIGHTS 262144 /* or stay in the second-level cache, being so few */
#define FETCH_NEAR 3.0      /* both */
#define SHARE 16.0          /* reading a number that another thread has written */
#define MEETING 1e7         /* of all threads, between two parts of a run */
#define LAY_OUT 4200.0      /* transforming one weight of nine taps, in every run */
#define WORTHWHILE 1.25     /* its weights take four times the memory */

/* Multiply-adds in the time of one of those above. */
static double
pace (void)
{
  return g_str_equal (vector_kernels ()->isa, "avx512") ? 1 : 0.4;
}

/* How the threads divide the work. */
struct division {
  int64_t block;
  bool by_outputs;
  double time;
};

/* By blocks: as many tiles as fit the cache, the same number for all blocks and the same number of blocks for all. */
static struct division
divide_tiles (int64_t tiles, int64_t c, int64_t o, double fetch, int64_t threads)
{
  int64_t floats = WINOGRAD_POINTS * (winograd_round_up (c, WINOGRAD_BLOCK) + WINOGRAD_PANEL);
  int64_t most = CLAMP (BLOCK_FLOATS / floats, LEAST_TILES, MOST_TILES), blocks = (tiles + most - 1) / most;
  int64_t rounds = (blocks + threads - 1) / threads, block = (tiles + rounds * threads - 1) / (rounds * threads);
  double products = (double) (WINOGRAD_POINTS * c * winograd_round_up (o, WINOGRAD_PANEL)) * ((double) block + fetch);

  return (struct division){block, false,
                           (double) rounds * (products + pace () * TRANSFORM * (double) ((c + o) * block))};
}

/* By outputs, if all tiles fit. */
static struct division
divide_outputs (int64_t tiles, int64_t c, int64_t o, double fetch, int64_t threads)
{
  int64_t rounds = (winograd_round_up (o, WINOGRAD_PANEL) / WINOGRAD_PANEL + threads - 1) / threads;
  double products = (double) (WINOGRAD_POINTS * c * WINOGRAD_PANEL) * ((double) tiles + fetch);
  double gather = pace () * TRANSFORM * (double) (c * ((tiles + threads - 1) / threads));
  double share = threads > 1 ? pace () * (SHARE * (double) (WINOGRAD_POINTS * c * tiles) + MEETING) : 0;
  bool fit = tiles <= MOST_TILES && tiles * winograd_round_up (c, WINOGRAD_BLOCK) * WINOGRAD_POINTS <= SHARED_FLOATS;

  return (struct division){
    tiles, true,
    fit ? gather + share + (double) rounds * (products + pace () * TRANSFORM * (double) (WINOGRAD_PANEL * tiles))
        : G_MAXDOUBLE};
}

static struct division
divide (const struct geometry *g)
{
  int64_t c = g->x->shape.dim[1], o = g->y->shape.dim[1], taps = g->w->shape.dim[2];
  int64_t tiles = winograd_tile_count (&g->y->shape, taps);
  bool near = WINOGRAD_POINTS * c * o <= NEAR_WEIGHTS;
  double fetch = pace () * (near && g->repeated ? FETCH_NEAR : near || g->repeated ? FETCH_AGAIN : FETCH);
  struct division by_tiles = divide_tiles (tiles, c, o, fetch, cpu_threads ());
  struct division by_outputs = divide_outputs (tiles, c, o, fetch, cpu_threads ());

  return by_outputs.time < by_tiles.time ? by_outputs : by_tiles;
}

static bool
fits (const struct conv_attrs *attrs, const struct geometry *g)
{
  return winograd_fits (attrs, g->x, &g->w->shape, g->y);
}

static bool
pays (const struct geometry *g)
{
  const int64_t *y = g->y->shape.dim, taps = g->w->shape.dim[2];
  int64_t c = g->x->shape.dim[1], threads = cpu_threads ();
  double lay_out =
    g->w->constant ? 0 : pace () * LAY_OUT * (double) (c * winograd_round_up (y[1], WINOGRAD_PANEL)) / (double) threads;
  double direct =
    (double) (taps * taps * c) * (double) (winograd_round_up (y[1], 16) * y[0] * y[2] * y[3]) / (double) threads;

  return WORTHWHILE * (divide (g).time + lay_out) < direct;
}

/* Weights */

static void
transform_weights (const struct winograd *s, float *u, const struct value *w)
{
  const int64_t *d = w->shape.dim;
  int64_t taps = d[2] * d[3], in = s->turned ? d[1] * taps : taps, out = s->turned ? taps : d[1] * taps;

#pragma omp parallel for collapse(2) schedule(static)
  for (int64_t panel = 0; panel < s->panels; panel++)
    for (int64_t c = 0; c < s->channels; c++) {
      int64_t o = panel * WINOGRAD_PANEL;
      float *to = u + (size_t) panel * WINOGRAD_POINTS * s->u_plane + c * WINOGRAD_PANEL;

      s->kernels->weights[s->form](to, s->u_plane, (const float *) w->data + c * in + o * out, out,
                                   MIN (s->outputs - o, WINOGRAD_PANEL), s->turned);
    }
}

/* Running */

static void
gather_tile (const struct winograd *s, float *v, const struct value *x, int64_t tile)
{
  const float *pixel[WINOGRAD_POINTS];

  winograd_find_picture (&s->tiles, x, tile, pixel);
  s->kernels->gather (v, s->v_plane, s->block_stride, pixel, x->shape.dim[1]);
}

/* The pixels of a tile in the larger picture, channel @o on. */
static void
find_spread_pixels (const struct winograd *s, const struct value *y, int64_t tile, int64_t o, float **pixel)
{
  struct winograd_place at = winograd_place (&s->tiles, tile);
  const struct spread *spread = s->spread;
  const int64_t *d = y->shape.dim, *scale = spread->scale;
  int64_t k = o / spread->channels, step = s->tiles.step;
  int64_t i0 = at.row * step, j0 = at.column * step;

  for (int64_t i = 0; i < step; i++)
    for (int64_t j = 0; j < step; j++) {
      int64_t row = (spread->first + i0 + i) * scale[0] - spread->shift[0] + k / scale[1];
      int64_t column = (j0 + j) * scale[1] - spread->shift[1] + k % scale[1];
      bool inside =
        i0 + i < d[2] && j0 + j < d[3] && row >= 0 && row < spread->height && column >= 0 && column < spread->width;

      pixel[i * step + j] =
        inside ? spread->picture + (row * spread->width + column) * spread->channels + o % spread->channels : NULL;
    }
}

static void
scatter_tile (const struct winograd *s, const struct value *y, const float *m, int64_t tile, int64_t o,
              const struct winograd_epilogue *epilogue)
{
  float *pixel[WINOGRAD_POINTS];

  if (s->spread != NULL)
    find_spread_pixels (s, y, tile, o, pixel);
  else
    winograd_find_result (&s->tiles, y, tile, o, pixel);
  s->kernels->scatter[s->form](pixel, m, s->m_plane, MIN (s->outputs - o, WINOGRAD_PANEL), epilogue);
}

static struct winograd_epilogue
epilogue_of (const struct kernel *kernel)
{
  vector_fn const *fn = vector_kernels ()->fn;

  return (struct winograd_epilogue){
    .activation = kernel->activation,
    .p = {kernel->activation_p[0], kernel->activation_p[1]},
    .other = kernel->activation == ACTIVATION_TANH      ? fn[VECTOR_TANH]
             : kernel->activation == ACTIVATION_SIGMOID ? fn[VECTOR_SIGMOID]
             : kernel->activation == ACTIVATION_CLAMP   ? fn[VECTOR_CLAMP]
                                                        : NULL,
  };
}

/* Outputs @o and the rest of its panel for the tiles from @first to @end, whose transforms are @v. */
static void
run_panel (const struct kernel *kernel, const float *u, const float *v, float *m, int64_t o, int64_t first, int64_t end)
{
  const struct winograd *s = kernel->state;
  float bias[WINOGRAD_PANEL] = {0};
  struct winograd_epilogue epilogue = epilogue_of (kernel);

  epilogue.bias = bias;
  for (int64_t i = 0; i < MIN (s->outputs - o, WINOGRAD_PANEL) && kernel->bias != NULL; i++)
    bias[i] = ((const float *) kernel->bias->data)[o + i];
  u += (size_t) (o / WINOGRAD_PANEL * WINOGRAD_POINTS) * s->u_plane;
  for (size_t k = 0; k < WINOGRAD_POINTS; k++)
    s->kernels->multiply (m + k * s->m_plane, v + k * s->v_plane, s->block_stride, u + k * s->u_plane, end - first,
                          s->channels);
  for (int64_t tile = first; tile < end; tile++)
    scatter_tile (s, kernel->y, m + (tile - first) * WINOGRAD_PANEL, tile, o, &epilogue);
}

static void
run_by_tiles (const struct kernel *kernel, const float *u, float *v_all, float *m_all)
{
  const struct winograd *s = kernel->state;

#pragma omp parallel for schedule(dynamic)
  for (int64_t first = 0; first < s->tiles.count; first += s->block) {
    size_t thread = (size_t) omp_get_thread_num ();
    float *v = v_all + thread * s->v_floats, *m = m_all + thread * s->m_floats;
    int64_t end = MIN (first + s->block, s->tiles.count);

    for (int64_t tile = first; tile < end; tile++)
      gather_tile (s, v + (tile - first) * WINOGRAD_BLOCK, kernel->x[0], tile);
    for (int64_t o = 0; o < s->outputs; o += WINOGRAD_PANEL)
      run_panel (kernel, u, v, m, o, first, end);
  }
}

static void
run_by_outputs (const struct kernel *kernel, const float *u, float *v, float *m_all)
{
  const struct winograd *s = kernel->state;

#pragma omp parallel
  {
#pragma omp for schedule(static)
    for (int64_t tile = 0; tile < s->tiles.count; tile++)
      gather_tile (s, v + tile * WINOGRAD_BLOCK, kernel->x[0], tile);
#pragma omp for schedule(dynamic)
    for (int64_t o = 0; o < s->outputs; o += WINOGRAD_PANEL)
      run_panel (kernel, u, v, m_all + (size_t) omp_get_thread_num () * s->m_floats, o, 0, s->tiles.count);
  }
}

static void
run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct winograd *s = kernel->state;
  float *v = (float *) scratch + (s->u != NULL ? 0 : s->u_floats);
  float *m = v + (s->by_outputs ? 1 : (size_t) s->threads) * s->v_floats;
  const float *u = s->u;

  if (u == NULL) {
    transform_weights (s, scratch, kernel->x[1]);
    u = scratch;
  }
  if (s->by_outputs)
    run_by_outputs (kernel, u, v, m);
  else
    run_by_tiles (kernel, u, v, m);
}

/* Preparing */

static void
winograd_free (void *state)
{
  struct winograd *s = state;

  free (s->own);
  winograd_tiles_clear (&s->tiles);
  g_free (s);
}

static struct winograd *
winograd_new (const struct geometry *g)
{
  struct winograd *s = g_new0 (struct winograd, 1);
  const int64_t *x = g->x->shape.dim, *y = g->y->shape.dim;
  int64_t blocks = (x[1] + WINOGRAD_BLOCK - 1) / WINOGRAD_BLOCK;
  struct division division = divide (g);

  s->kernels = vector_kernels ()->winograd;
  s->channels = x[1];
  s->outputs = y[1];
  s->panels = (y[1] + WINOGRAD_PANEL - 1) / WINOGRAD_PANEL;
  winograd_tiles_init (&s->tiles, &g->x->shape, &g->y->shape, g->w->shape.dim[2], g->before);
  s->form = g->w->shape.dim[2] == 3 ? WINOGRAD_3 : WINOGRAD_2;
  s->block = division.block;
  s->by_outputs = division.by_outputs;
  s->threads = cpu_threads ();
  s->turned = g->turned;
  /* planes a power of two apart would all meet in one set of the first-level cache */
  s->block_stride = (size_t) s->block * WINOGRAD_BLOCK;
  s->v_plane = (size_t) blocks * s->block_stride + WINOGRAD_BLOCK;
  s->m_plane = (size_t) s->block * WINOGRAD_PANEL + WINOGRAD_BLOCK;
  s->u_plane = (size_t) s->channels * WINOGRAD_PANEL + WINOGRAD_BLOCK;
  s->u_floats = (size_t) s->panels * WINOGRAD_POINTS * s->u_plane;
  s->v_floats = WINOGRAD_POINTS * s->v_plane;
  s->m_floats = WINOGRAD_POINTS * s->m_plane;
  return s;
}

/* The transformed weight of another kernel that has the same one; NULL if there is none. */
static const struct winograd *
find_twin (const struct kernel *kernel, const struct geometry *g)
{
  const struct winograd *twin = kernel->twin != NULL && kernel->twin->run == run ? kernel->twin->state : NULL;

  return twin != NULL && twin->turned == g->turned ? twin : NULL;
}

static bool
prepare (struct kernel *kernel, const struct geometry *g, GError **error)
{
  const struct winograd *twin = find_twin (kernel, g);
  struct winograd *s = winograd_new (g);
  size_t threads = (size_t) s->threads;

  kernel->state = s;
  kernel->free_state = winograd_free;
  kernel->run = run;
  kernel->implementation = s->form == WINOGRAD_3 ? "winograd 4x4" : "winograd 5x5";
  kernel->scratch = ((s->by_outputs ? 1 : threads) * s->v_floats + threads * s->m_floats) * sizeof (float);
  if (!g->w->constant) {
    kernel->scratch += s->u_floats * sizeof (float);
    return true;
  }
  if (twin != NULL) {
    s->u = twin->u;
    return true;
  }
  s->u = s->own = aligned_alloc (64, s->u_floats * sizeof (float));
  if (s->u == NULL) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory: %.1f MiB for a laid-out weight",
                 (double) (s->u_floats * sizeof (float)) / (1 << 20));
    return false;
  }
  transform_weights (s, s->own, g->w);
  return true;
}

static struct geometry
forward_geometry (const struct kernel *kernel)
{
  const struct conv_attrs *attrs = kernel->attrs;

  return (struct geometry){.x = kernel->x[0],
                           .w = kernel->x[1],
                           .y = kernel->y,
                           .before = {attrs->pad[0], attrs->pad[1]},
                           .repeated = kernel->repeated};
}

/* The first result meets the last tap first. */
static struct geometry
back_x_geometry (const struct kernel *kernel)
{
  const struct conv_attrs *attrs = kernel->attrs;
  int64_t reach = kernel->x[1]->shape.dim[2] - 1;

  return (struct geometry){.x = kernel->x[0],
                           .w = kernel->x[1],
                           .y = kernel->y,
                           .before = {reach - attrs->pad[0], reach - attrs->pad[1]},
                           .turned = true,
                           .repeated = kernel->repeated};
}

bool
winograd_conv2d (struct kernel *kernel, GError **error)
{
  struct geometry g = forward_geometry (kernel);

  return prepare (kernel, &g, error);
}

bool
winograd_conv2d_back_x (struct kernel *kernel, GError **error)
{
  struct geometry g = back_x_geometry (kernel);

  return prepare (kernel, &g, error);
}

bool
wide_conv2d (struct kernel *kernel, GError **error)
{
  struct geometry g = forward_geometry (kernel);

  return fits (kernel->attrs, &g) && pays (&g) ? prepare (kernel, &g, error) : direct_conv2d (kernel, error);
}

bool
wide_conv2d_back_x (struct kernel *kernel, GError **error)
{
  struct geometry g = back_x_geometry (kernel);

  return fits (kernel->attrs, &g) && pays (&g) ? prepare (kernel, &g, error) : direct_conv2d_back_x (kernel, error);
}

int64_t
wide_conv2d_rows (const struct kernel *kernel)
{
  struct geometry g = forward_geometry (kernel);
  struct value y = *kernel->y;

  g.y = &y;
  y.shape.dim[2] = winograd_step (g.w->shape.dim[2]);
  return fits (kernel->attrs, &g) && pays (&g) ? y.shape.dim[2] : 1;
}

/* The outputs of a panel must be of one pixel. */
bool
wide_conv2d_spread (struct kernel *kernel, const struct spread *spread)
{
  if (kernel->run != run || spread->channels % WINOGRAD_PANEL != 0 || kernel->y->shape.dim[0] != 1)
    return false;
  ((struct winograd *) kernel->state)->spread = spread;
  return true;
}
