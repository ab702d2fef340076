/* SPDX-License-Identifier: Apache-2.0
 *
 * The derivative of a dense 3x3 convolution of stride 1 for its weight, in float32, by Winograd's algorithm: each step
 * of F(4x4, 3x3) turned around,
 *
 *   dw = sum over tiles of G' [ (B' d B) . (A dY A') ] G         36 products where the sum over pixels takes 144
 *
 * Tiles are taken in chunks whose transforms stay in a cache that the threads share:
 *
 *   v, z := transformed tiles of x and of dy     (gather, gather_result; threads divide the tiles)
 *   u += v' z at all 36 points                   (accumulate; threads divide points and outputs)
 *
 * and what u is at the end becomes dw. Every number of u is summed by one thread in the tiles' order, so none depends
 * on how many threads there are. */
#include "device/cpu_conv.h"
#include "device/winograd_tiles.h"

/* Times in multiply-adds that one thread does meanwhile, estimated from those of cpu_winograd.c and tried with AVX2. */
#define TRANSFORM 700.0     /* of one channel of a tile, of x or dy */
#define UPDATE 4.0          /* reading and writing a number of u, in each chunk */
#define FINISH 1500.0       /* transforming one weight of nine taps back */
#define MEETING 1e6         /* of all threads, twice a chunk */
#define WORTHWHILE 1.1      /* it must promise this much */
#define CHUNK (1024 * 1024) /* floats of v and z */
#define LEAST_TILES 64      /* in a chunk, if there are as many */
#define MOST_TILES 512

struct gradient {
  const struct winograd_kernels *kernels;
  struct winograd_tiles tiles;
  int64_t channels, outputs, blocks, panels, chunk;
  size_t block_stride, panel_stride; /* floats: in v, in z */
  size_t v_plane, z_plane, u_plane;  /* from point to point */
};

static int64_t
chunk_of (int64_t tiles, int64_t c, int64_t o)
{
  int64_t floats = WINOGRAD_POINTS * (winograd_round_up (c, WINOGRAD_BLOCK) + winograd_round_up (o, WINOGRAD_PANEL));
  int64_t most = CLAMP (CHUNK / floats, LEAST_TILES, MOST_TILES), chunks = (tiles + most - 1) / most;

  return (tiles + chunks - 1) / chunks;
}

static bool
fits (const struct kernel *kernel)
{
  const struct shape *w = &kernel->y->shape;

  return w->dim[2] == 3 && winograd_fits (kernel->attrs, kernel->x[0], w, kernel->x[1]);
}

static bool
pays (const struct kernel *kernel)
{
  const struct shape *dy = &kernel->x[1]->shape;
  int64_t c = kernel->y->shape.dim[1], o = dy->dim[1], tiles = winograd_tile_count (dy, 3);
  double threads = cpu_threads (), chunks = (double) ((tiles - 1) / chunk_of (tiles, c, o) + 1);
  double u = (double) (winograd_round_up (c, WINOGRAD_BLOCK) * winograd_round_up (o, WINOGRAD_PANEL));
  double work = WINOGRAD_POINTS * u * ((double) tiles + UPDATE * chunks) + TRANSFORM * (double) ((c + o) * tiles);
  double time = (work + FINISH * u) / threads + (threads > 1 ? 2 * MEETING * chunks : 0);
  double direct = 9.0 * (double) (c * winograd_round_up (o, 16) * dy->dim[0] * dy->dim[2] * dy->dim[3]) / threads;

  return WORTHWHILE * time < direct;
}

static void
transform_chunk (const struct gradient *s, const struct kernel *kernel, float *v, float *z, int64_t first, int64_t end)
{
#pragma omp for schedule(static)
  for (int64_t tile = first; tile < end; tile++) {
    const float *pixel[WINOGRAD_POINTS];
    float *result[WINOGRAD_POINTS];

    winograd_find_picture (&s->tiles, kernel->x[0], tile, pixel);
    s->kernels->gather (v + (tile - first) * WINOGRAD_BLOCK, s->v_plane, s->block_stride, pixel, s->channels);
    winograd_find_result (&s->tiles, kernel->x[1], tile, 0, result);
    for (int64_t k = 0; k < s->tiles.step * s->tiles.step; k++)
      pixel[k] = result[k] ? result[k] : s->tiles.zeros;
    s->kernels->gather_result (z + (tile - first) * WINOGRAD_PANEL, s->z_plane, s->panel_stride, pixel, s->outputs);
  }
}

static void
add_chunk (const struct gradient *s, float *u, const float *v, const float *z, int64_t tiles, bool first)
{
#pragma omp for collapse(2) schedule(static)
  for (int64_t k = 0; k < WINOGRAD_POINTS; k++)
    for (int64_t panel = 0; panel < s->panels; panel++)
      for (int64_t block = 0; block < s->blocks; block++)
        s->kernels->accumulate (u + (size_t) (panel * WINOGRAD_POINTS + k) * s->u_plane +
                                  block * WINOGRAD_BLOCK * WINOGRAD_PANEL,
                                v + (size_t) k * s->v_plane + (size_t) block * s->block_stride,
                                z + (size_t) k * s->z_plane + (size_t) panel * s->panel_stride, tiles, first);
}

static void
finish (const struct gradient *s, const struct value *dw, const float *u)
{
#pragma omp for collapse(2) schedule(static)
  for (int64_t panel = 0; panel < s->panels; panel++)
    for (int64_t c = 0; c < s->channels; c++) {
      int64_t o = panel * WINOGRAD_PANEL, stride = s->channels * 9;

      s->kernels->gradient ((float *) dw->data + o * stride + c * 9, stride,
                            u + (size_t) (panel * WINOGRAD_POINTS) * s->u_plane + c * WINOGRAD_PANEL, s->u_plane,
                            MIN (s->outputs - o, WINOGRAD_PANEL));
    }
}

static void
run (const struct kernel *kernel, void *scratch, const struct run_context *context)
{
  const struct gradient *s = kernel->state;
  float *u = scratch, *v = u + (size_t) s->panels * WINOGRAD_POINTS * s->u_plane;
  float *z = v + WINOGRAD_POINTS * s->v_plane;

#pragma omp parallel
  {
    for (int64_t first = 0; first < s->tiles.count; first += s->chunk) {
      int64_t end = MIN (first + s->chunk, s->tiles.count);

      transform_chunk (s, kernel, v, z, first, end);
      add_chunk (s, u, v, z, end - first, first == 0);
    }
    finish (s, kernel->y, u);
  }
}

static void
gradient_free (void *state)
{
  struct gradient *s = state;

  winograd_tiles_clear (&s->tiles);
  g_free (s);
}

bool
winograd_conv2d_back_w (struct kernel *kernel, GError **error)
{
  const struct conv_attrs *attrs = kernel->attrs;
  const struct shape *x = &kernel->x[0]->shape, *dy = &kernel->x[1]->shape;
  struct gradient *s = g_new0 (struct gradient, 1);

  s->kernels = vector_kernels ()->winograd;
  winograd_tiles_init (&s->tiles, x, dy, 3, (int64_t[]){attrs->pad[0], attrs->pad[1]});
  s->channels = x->dim[1];
  s->outputs = dy->dim[1];
  s->blocks = winograd_round_up (s->channels, WINOGRAD_BLOCK) / WINOGRAD_BLOCK;
  s->panels = winograd_round_up (s->outputs, WINOGRAD_PANEL) / WINOGRAD_PANEL;
  s->chunk = chunk_of (s->tiles.count, s->channels, s->outputs);
  s->block_stride = (size_t) s->chunk * WINOGRAD_BLOCK;
  s->panel_stride = (size_t) s->chunk * WINOGRAD_PANEL;
  /* planes a power of two apart would all meet in one set of the first-level cache */
  s->v_plane = (size_t) s->blocks * s->block_stride + WINOGRAD_BLOCK;
  s->z_plane = (size_t) s->panels * s->panel_stride + WINOGRAD_BLOCK;
  s->u_plane = (size_t) s->blocks * WINOGRAD_BLOCK * WINOGRAD_PANEL + WINOGRAD_BLOCK;
  kernel->state = s;
  kernel->free_state = gradient_free;
  kernel->run = run;
  kernel->implementation = "winograd 4x4";
  kernel->scratch = WINOGRAD_POINTS * ((size_t) s->panels * s->u_plane + s->v_plane + s->z_plane) * sizeof (float);
  return true;
}

bool
wide_conv2d_back_w (struct kernel *kernel, GError **error)
{
  return fits (kernel) && pays (kernel) ? winograd_conv2d_back_w (kernel, error) : direct_conv2d_back_w (kernel, error);
}
