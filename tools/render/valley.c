/* SPDX-License-Identifier: Apache-2.0
 *
 * A mountain valley on a summer morning: a meadow with flowers, a path with a fence to a log house, a lake, spruce
 * forest, snow peaks and cumulus. The land is a height over (x, z): ridged noise whose amplitude grows away from the
 * lake; the trees stand one to a cell of a jittered grid (Musgrave's multifractals; Quilez, "Terrain marching").
 * x runs to the right, y up from the lake, z away from the viewer. */
#include "render.h"

#include <stdlib.h>

enum part { LAND, SPRUCE, LARCH, TRUNK, LOGS, ROOF, STONE, FENCE, COW };

#define CAMERA { .eye = { -16, 27.5f, -92 }, .target = { 22, 62, 400 }, .fov = 44 }
static const struct camera camera = CAMERA;

static struct sky sky = {
  .sun = { 5.4f, 4.6f, 3.5f }, .zenith = { 0.10f, 0.27f, 0.70f }, .horizon = { 0.62f, 0.74f, 0.90f },
  .glow = { 0.5f, 0.42f, 0.3f },
  .cloud_base = 1900, .cloud_top = 3300, .cloud_scale = 1 / 2300.0f, .cloud_cover = 0.49f, .cloud_density = 0.009f,
  .cloud_shadow = { 0.46f, 0.54f, 0.68f }, .cloud_offset = { 8500, 0, 5900 },
};

/* ---- the land ---- */

/* Ridged multifractal, 0..1: each octave is weighed by the one before, so that valleys stay smooth. */
static float
ridges (float x, float y, int octaves)
{
  float sum = 0, weight = 0.55f, gate = 1;
  for (int i = 0; i < octaves; i++) {
    float n = 1 - fabsf (2 * noise2 (x, y) - 1);
    n *= n;
    sum += weight * n * gate;
    gate = clampf (n * 1.6f, 0, 1);
    weight *= i < 2 ? 0.48f : 0.40f;
    float turned = 1.62f * x - 1.24f * y + 7.7f;
    y = 1.24f * x + 1.62f * y + 3.1f;
    x = turned;
  }
  return sum;
}

/* Signed distance to the shore in widths of the lake: negative over water. */
static float
shore (float x, float z)
{
  float u = (x - 60) / 270, v = (z - 400) / 330;
  return length2 (u, v) - 1 + 0.42f * (fbm2 (x * 0.006f + 4, z * 0.006f, 4) - 0.5f);
}

static float path_x (float z) { return -6 + 13 * sinf (z * 0.028f + 0.6f) + 0.12f * (z + 60); }

static float
peak (float x, float z, float px, float pz, float height, float radius)
{
  float r = length2 (length2 (x - px, (z - pz) * 0.8f), 90) / radius;
  return height * expf (-1.9f * r) * (r < 4);
}

/* Height of the ground from its formula: slow. */
static float
raw_ground (float x, float z)
{
  float e = shore (x, z);
  float h = 30 * clampf (e, -0.3f, 0.75f) + 9 * (fbm2 (x * 0.011f, z * 0.011f, 3) - 0.45f)
    * smoothstep (0.02f, 0.5f, e);
  float away = smoothstep (-60, 700, z + 0.75f * fabsf (x - 30) - 130) * smoothstep (0, 1.6f, e);
  if (away <= 0)
    return h;
  float wx = x + 160 * fbm2 (z * 0.002f, x * 0.002f, 3), wz = z + 160 * fbm2 (x * 0.002f + 9, z * 0.002f, 3);
  float tall = 230 * smoothstep (0.2f, 4.2f, e) + 260 * smoothstep (3, 9, e);
  tall += peak (wx, wz, 700, 4200, 1300, 1850) + peak (wx, wz, -1300, 4500, 1050, 1600);
  tall += peak (wx, wz, -250, 6300, 1250, 2200) + peak (wx, wz, 2500, 4800, 1000, 1600);
  return h + away * tall * (0.34f + 0.62f * ridges (x * 0.00115f + 2.3f, z * 0.00115f + 0.4f, 9));
}

/* How likely a tree is at a place, 0..1. */
static float
wooded (float x, float z, float height)
{
  if (height < 1.5f || height > 560)
    return 0;
  float grove = smoothstep (0.36f, 0.54f, fbm2 (x * 0.0065f + 9, z * 0.0065f, 3));
  float meadow = smoothstep (120, 300, z + 1.1f * fabsf (x - 20));
  return grove * meadow * smoothstep (560, 330, height);
}

/* The land and its trees, worked out once: heights at two spacings, and what stands in each cell of the forest. */

struct heights {
  float x, z, step;   /* corner, metres */
  int columns, rows;
  float *at;
};

#define CELL 8.5f
#define CELLS 512     /* a square about x = 0, from z = -200 */
#define CELLS_Z -200.0f

struct tree {
  float x, z, base, tall;   /* tall = 0: none */
  float seed;
  int apart;                /* rings of cells around this one before the nearest tree, 0 = here */
};

#define MIN(a, b) ((a) < (b) ? (a) : (b))

static struct heights near_land = { .x = -640, .z = -200, .step = 1, .columns = 1280, .rows = 1400 };
static struct heights far_land = { .x = -5200, .z = -200, .step = 5, .columns = 2080, .rows = 1800 };
static struct tree trees[CELLS][CELLS];

static bool
heights_init (struct heights *land)
{
  land->at = malloc ((size_t) land->columns * (size_t) land->rows * sizeof *land->at);
  if (!land->at)
    return false;
#pragma omp parallel for schedule(dynamic, 8)
  for (int j = 0; j < land->rows; j++)
    for (int i = 0; i < land->columns; i++)
      land->at[(size_t) j * (size_t) land->columns + (size_t) i] =
        raw_ground (land->x + (float) i * land->step, land->z + (float) j * land->step);
  return true;
}

static bool
heights_at (const struct heights *land, float x, float z, float *height)
{
  float u = (x - land->x) / land->step, v = (z - land->z) / land->step;
  if (u < 0 || v < 0 || u >= (float) land->columns - 1 || v >= (float) land->rows - 1)
    return false;
  int i = (int) u, j = (int) v;
  const float *p = land->at + (size_t) j * (size_t) land->columns + (size_t) i;
  u -= (float) i;
  v -= (float) j;
  *height = mixf (mixf (p[0], p[1], u), mixf (p[land->columns], p[land->columns + 1], u), v);
  return true;
}

static float
ground (float x, float z)
{
  float h = -5;
  if (!heights_at (&near_land, x, z, &h) && heights_at (&far_land, x, z, &h) && h > 100)
    h += 7 * noise2 (x * 0.14f, z * 0.14f) + 3 * noise2 (x * 0.37f, z * 0.37f);
  return h;
}

static void
trees_init (void)
{
  for (int j = 0; j < CELLS; j++)
    for (int i = 0; i < CELLS; i++) {
      struct tree *tree = &trees[j][i];
      tree->x = ((float) (i - CELLS / 2) + 0.32f + 0.36f * hash2 (i, j)) * CELL;
      tree->z = CELLS_Z + ((float) j + 0.32f + 0.36f * hash2 (j, i + 5)) * CELL;
      tree->base = ground (tree->x, tree->z) - 0.5f;
      tree->seed = hash2 (i + 3, j);
      if (hash2 (i + 31, j) < wooded (tree->x, tree->z, tree->base))
        tree->tall = 9 + 12 * hash2 (i, j + 77);
      tree->apart = tree->tall > 0 ? 0 : CELLS;
    }
  /* Chessboard distances: one pass down, one up. */
  for (int j = 1; j < CELLS; j++)
    for (int i = 1; i < CELLS - 1; i++)
      trees[j][i].apart = MIN (trees[j][i].apart, 1 + MIN (trees[j][i - 1].apart, MIN (trees[j - 1][i - 1].apart,
                               MIN (trees[j - 1][i].apart, trees[j - 1][i + 1].apart))));
  for (int j = CELLS - 2; j >= 0; j--)
    for (int i = CELLS - 2; i > 0; i--)
      trees[j][i].apart = MIN (trees[j][i].apart, 1 + MIN (trees[j][i + 1].apart, MIN (trees[j + 1][i - 1].apart,
                               MIN (trees[j + 1][i].apart, trees[j + 1][i + 1].apart))));
}

/* ---- things ---- */

struct hit {
  float d;
  enum part part;
  vec3 local;
  float seed;
};

static inline void
nearest (struct hit *hit, float d, enum part part, vec3 local, float seed)
{
  if (d < hit->d)
    *hit = (struct hit) { d, part, local, seed };
}

/* Boughs in tiers, drooping and ragged. */
static float
spruce (vec3 p, float tall, float wide)
{
  float r = length2 (p[0], p[2]), up = p[1] / tall;
  if (r > wide + 1.5f || up > 1.15f)
    return length2 (fmaxf (r - wide, 0), fmaxf (p[1] - tall, 0));
  /* Each side of the tree has boughs of its own; their tips hang. */
  float side = noise2 (p[0] * 3.3f / (r + 0.3f) + 7, p[2] * 3.3f / (r + 0.3f));
  float tier = fractf (up * 10 + 0.5f * r / wide + 1.3f * side);
  float limit = wide * (1.03f - up) * (0.55f + 0.35f * (1 - tier) + 0.35f * side);
  float ragged = 0.6f * noise3 (p * (6.5f / wide)) + 0.4f * noise3 (p * (17 / wide)) - 0.5f;
  return 0.4f * fmaxf (r - limit - 0.6f * wide * ragged * (1.05f - up), 0.1f * tall - p[1]);
}

static void
forest (vec3 p, float above, struct hit *hit)
{
  if (above > 24) {
    nearest (hit, above - 22, LAND, p, 0);
    return;
  }
  float u = p[0] / CELL + CELLS / 2, v = (p[2] - CELLS_Z) / CELL;
  if (u < 0 || v < 0 || u >= CELLS || v >= CELLS)
    return;
  int i = (int) u, j = (int) v;
  u -= (float) i;
  v -= (float) j;
  /* Never step over a cell unseen, nor take its border for a hit: the margin grows with the width of a pixel. */
  float border = CELL * fminf (fminf (u, 1 - u), fminf (v, 1 - v)) + 0.25f + 0.003f * length (p - camera.eye);
  const struct tree *tree = &trees[j][i];
  nearest (hit, border + CELL * (float) (tree->apart > 1 ? tree->apart - 1 : 0), LAND, p, 0);
  if (tree->tall <= 0)
    return;
  vec3 q = p - v3 (tree->x, tree->base, tree->z);
  float d = spruce (q, tree->tall, fminf (0.2f * tree->tall, 0.31f * CELL));
  nearest (hit, d, fractf (tree->seed * 17) < 0.12f ? LARCH : SPRUCE, q, tree->seed);
}

#define HOUSE_X 15.0f
#define HOUSE_Z -20.0f
static float house_ground; /* set once, like the feet of the giants */

static void
log_house (vec3 p, struct hit *hit)
{
  vec3 q = turn_y (p - v3 (HOUSE_X, house_ground, HOUSE_Z), 0.62f);
  float bound = length (q - v3 (0, 4, 0)) - 9.5f;
  if (bound > 2) {
    nearest (hit, bound, LOGS, q, 0);
    return;
  }
  float slant = (fabsf (q[0]) * 3.0f + (q[1] - 8.2f) * 5.2f) / 6.0f;
  vec3 body = q - v3 (0, 4, 0);
  float bulge = 0.06f * fabsf (sinf (q[1] * PI / 0.36f));
  float wall = fmaxf (sd_box (body, v3 (4.3f, 4.3f, 5.2f)) - bulge, slant + 0.05f);
  nearest (hit, 0.9f * wall, LOGS, q, 0);
  nearest (hit, sd_box (q - v3 (0, 0.7f, 0), v3 (4.5f, 0.9f, 5.4f)), STONE, q, 0);
  float roof = fmaxf (fabsf (slant - 0.15f) - 0.14f, fmaxf (fabsf (q[2]) - 6.3f, 4.35f - q[1]));
  nearest (hit, roof, ROOF, q, 0);
  nearest (hit, sd_box (q - v3 (1.7f, 8.3f, 1.5f), v3 (0.5f, 1.2f, 0.5f)), STONE, q, 0);
  nearest (hit, sd_box (q - v3 (0, 4.1f, -5.9f), v3 (4.3f, 0.08f, 0.7f)), FENCE, q, 0);
  nearest (hit, fmaxf (sd_box (q - v3 (0, 5.0f, -6.5f), v3 (4.3f, 0.06f, 0.05f)), -1), FENCE, q, 0);
  float rail = q[0] - 0.5f * clampf (roundf (q[0] / 0.5f), -8, 8);
  nearest (hit, sd_box (v3 (rail, q[1] - 4.5f, q[2] + 6.5f), v3 (0.05f, 0.5f, 0.04f)), FENCE, q, 0);
}

static void
fence (vec3 p, struct hit *hit)
{
  float bound = sd_box (p - v3 (-4, 14, -25), v3 (24, 16, 62));
  if (bound > 1) {
    nearest (hit, bound, FENCE, p, 0);
    return;
  }
  int cell = (int) clampf (roundf (p[2] / 3.2f), -26, 10);
  for (int i = -1; i <= 1; i++) {
    float z = (float) (cell + i) * 3.2f, x = path_x (z) + 3.4f, next = path_x (z + 3.2f) + 3.4f;
    vec3 foot = v3 (x, ground (x, z), z), far = v3 (next, ground (next, z + 3.2f), z + 3.2f);
    vec3 lean = v3 (0.12f * (hash2 (cell + i, 7) - 0.5f), 1.25f, 0.12f * (hash2 (cell + i, 9) - 0.5f));
    nearest (hit, sd_capsule (p, foot, foot + lean, 0.085f, 0.075f), FENCE, p, 0);
    for (int k = 0; k < 2; k++) {
      float y = 0.55f + 0.45f * (float) k, sag = 0.12f * (hash2 (cell + i, 20 + k) - 0.5f);
      nearest (hit, sd_capsule (p, foot + v3 (0, y + sag, 0), far + v3 (0, y - sag, 0), 0.05f, 0.045f), FENCE, p, 0);
    }
  }
}

static struct herd {
  float x, z, heading, base;
} herd[] = {
  { -25, -25, 0.4f, 0 }, { -13, -27, 2.9f, 0 }, { -27, -20, 1.2f, 0 }, { -14, -12, 3.6f, 0 }, { -30, 2, 0.2f, 0 },
    { 8, 12, 2.2f, 0 },
};
#define HERD (sizeof herd / sizeof *herd)

/* A cow that grazes. */
static void
cow (const struct herd *at, vec3 p, struct hit *hit)
{
  vec3 q = p - v3 (at->x, at->base, at->z);
  float bound = length (q - v3 (0, 0.9f, 0)) - 1.9f;
  if (bound > 1) {
    nearest (hit, bound, COW, q, 0);
    return;
  }
  q = turn_y (q, at->heading);
  vec3 m = v3 (q[0], q[1], fabsf (q[2]));
  float d = sd_ellipsoid (q - v3 (0, 1.05f, 0), v3 (0.95f, 0.44f, 0.36f));
  d = smooth_min (d, sd_capsule (q, v3 (0.75f, 1.2f, 0), v3 (1.25f, 0.62f, 0), 0.22f, 0.14f), 0.2f);
  d = smooth_min (d, sd_capsule (q, v3 (1.25f, 0.62f, 0), v3 (1.42f, 0.25f, 0), 0.14f, 0.1f), 0.1f);
  d = smooth_min (d, sd_capsule (m, v3 (0.62f, 0.9f, 0.2f), v3 (0.66f, 0, 0.2f), 0.13f, 0.06f), 0.1f);
  d = smooth_min (d, sd_capsule (m, v3 (-0.68f, 1, 0.2f), v3 (-0.74f, 0, 0.2f), 0.16f, 0.06f), 0.1f);
  d = fminf (d, sd_capsule (m, v3 (1.2f, 0.72f, 0.1f), v3 (1.16f, 0.82f, 0.27f), 0.05f, 0.03f));
  d = fminf (d, sd_capsule (q, v3 (-0.93f, 1.25f, 0), v3 (-1.02f, 0.5f, 0), 0.035f, 0.05f));
  nearest (hit, d * 0.9f, COW, q, (float) (at - herd));
}

/* The trees that frame the picture. */
static struct tree giants[] = {
  { .x = -41, .z = -44, .tall = 25 }, { .x = -48, .z = -30, .tall = 21 }, { .x = -36, .z = -22, .tall = 17 },
  { .x = 37, .z = -20, .tall = 13 }, { .x = -57, .z = -6, .tall = 24 }, { .x = -44, .z = 4, .tall = 18 },
  { .x = 42, .z = -10, .tall = 19 }, { .x = 55, .z = 8, .tall = 21 },
};
#define GIANTS (sizeof giants / sizeof *giants)

static struct hit
nearest_thing (vec3 p)
{
  float land = ground (p[0], p[2]);
  if (p[2] < 60) /* tussocks underfoot */
    land += 0.22f * noise2 (p[0] * 0.9f, p[2] * 0.9f) + 0.1f * noise2 (p[0] * 3.1f, p[2] * 3.1f);
  float above = p[1] - land;
  struct hit hit = { above * (p[2] > 1500 ? 0.36f : 0.55f), LAND, p, 0 };
  forest (p, above, &hit);
  log_house (p, &hit);
  fence (p, &hit);
  for (size_t i = 0; i < HERD; i++)
    cow (&herd[i], p, &hit);
  for (size_t i = 0; i < GIANTS; i++) {
    vec3 q = p - v3 (giants[i].x, giants[i].base, giants[i].z);
    float wide = giants[i].tall * 0.2f, bound = length2 (q[0], q[2]) - wide;
    if (bound > 2)
      nearest (&hit, bound, SPRUCE, q, 0);
    else
      nearest (&hit, spruce (q, giants[i].tall, wide), SPRUCE, q, giants[i].seed);
  }
  return hit;
}

static float map (vec3 p) { return nearest_thing (p).d; }

/* ---- colours ---- */

static vec3
meadow_colour (vec3 p)
{
  float large = fbm2 (p[0] * 0.035f, p[2] * 0.035f, 3), fine = fbm2 (p[0] * 2.1f, p[2] * 2.1f, 4);
  vec3 grass = mix (v3 (0.055f, 0.10f, 0.016f), v3 (0.17f, 0.17f, 0.04f), smoothstep (0.3f, 0.7f, large));
  grass = grass * (0.45f + 1.1f * fine);
  float id, t = length (p - camera.eye);
  float drift = smoothstep (0.42f, 0.62f, fbm2 (p[0] * 0.07f + 30, p[2] * 0.07f, 3));
  float bloom = cells2 (p[0] * 2.3f, p[2] * 2.3f, &id);
  if (t < 160 && bloom < 0.15f + 0.1f * id && fractf (id * 7.3f) < 0.03f + 0.75f * drift * drift)
    return id < 0.36f ? v3 (0.72f, 0.68f, 0.60f) : id < 0.62f ? v3 (0.75f, 0.50f, 0.03f)
           : id < 0.82f ? v3 (0.50f, 0.06f, 0.20f) : v3 (0.20f, 0.13f, 0.50f);
  return grass;
}

static vec3
land_colour (vec3 p, vec3 normal)
{
  float steep = 1 - normal[1], rough = fbm2 (p[0] * 0.02f, p[2] * 0.02f, 5);
  vec3 meadow = meadow_colour (p);
  if (p[2] < 60 && p[2] > -140) {
    float off = fabsf (p[0] - path_x (p[2])) + 0.9f * (fbm2 (p[0] * 0.8f, p[2] * 0.8f, 3) - 0.5f);
    vec3 dust = v3 (0.36f, 0.27f, 0.17f) * (0.65f + 0.6f * fbm2 (p[0] * 2.7f, p[2] * 2.7f, 4));
    float worn = smoothstep (1.75f, 1.3f, off) * (0.25f + 0.75f * smoothstep (0.2f, 0.55f, off));
    meadow = mix (meadow, dust, worn);
  }
  vec3 wood = v3 (0.022f, 0.045f, 0.014f) * (0.5f + fbm2 (p[0] * 0.11f, p[2] * 0.11f, 4) * 1.1f);
  vec3 colour = mix (meadow, wood, wooded (p[0], p[2], p[1]) * (p[2] > 150 ? 1 : 0.6f));
  vec3 strata = mix (v3 (0.21f, 0.19f, 0.18f), v3 (0.34f, 0.30f, 0.26f),
                     fbm2 (p[1] * 0.02f + rough * 3, p[0] * 0.003f, 4));
  float rock = smoothstep (0.30f, 0.48f, steep + 0.25f * (rough - 0.5f))
    + smoothstep (480, 760, p[1] + 240 * (rough - 0.5f));
  colour = mix (colour, strata * (0.6f + 0.8f * rough), clampf (rock, 0, 1) * smoothstep (14, 40, p[1]));
  float snow = smoothstep (430, 640, p[1] + 420 * (rough - 0.5f)) * smoothstep (0.62f, 0.42f, steep);
  colour = mix (colour, v3 (0.80f, 0.84f, 0.90f), snow);
  return mix (v3 (0.24f, 0.21f, 0.16f), colour, smoothstep (0.3f, 1.3f, p[1]));
}

static vec3
surface_colour (const struct hit *hit, vec3 p, vec3 normal)
{
  vec3 q = hit->local;
  switch (hit->part) {
  case LAND:
    return land_colour (p, normal);
  case SPRUCE: {
    vec3 dark = mix (v3 (0.020f, 0.055f, 0.022f), v3 (0.055f, 0.095f, 0.022f), hit->seed);
    return dark * (0.6f + 0.8f * noise3 (p * 2.5f));
  }
  case LARCH:
    return v3 (0.20f, 0.17f, 0.025f) * (0.6f + 0.8f * noise3 (p * 2.5f));
  case TRUNK:
    return v3 (0.09f, 0.06f, 0.04f);
  case LOGS: {
    bool side = fabsf (q[0]) > 4.2f;
    float across = side ? q[2] : q[0], up = q[1] > 4.2f ? q[1] - 5.6f : q[1] - 2.9f;
    float pane = fabsf (across - 2.1f * clampf (roundf (across / 2.1f), -1, 1));
    if (pane < 0.5f && fabsf (up) < 0.62f && (q[1] < 6.4f))
      return pane > 0.42f || fabsf (up) > 0.54f || pane < 0.04f ? v3 (0.6f, 0.56f, 0.48f) : v3 (0.02f, 0.03f, 0.05f);
    if (pane < 0.85f && fabsf (up) < 0.62f && q[1] < 6.4f)
      return v3 (0.28f, 0.03f, 0.025f);
    return v3 (0.24f, 0.115f, 0.048f) * (0.6f + 0.8f * fbm3 (v3 (q[0] * 0.8f, q[1] * 9, q[2] * 0.8f), 3));
  }
  case ROOF: {
    float row = floorf (q[1] / 0.2f), plank = floorf (q[2] / 0.28f);
    return v3 (0.20f, 0.165f, 0.135f) * (0.55f + 0.8f * hash2 ((int) row, (int) plank));
  }
  case STONE:
    return v3 (0.42f, 0.39f, 0.35f) * (0.5f + fbm3 (q * 2.2f, 4));
  case COW: {
    bool patch = fbm3 (q * 1.5f + v1 (hit->seed * 5), 2) > 0.5f;
    vec3 coat = fractf (hit->seed * 0.37f) < 0.5f ? v3 (0.22f, 0.085f, 0.035f) : v3 (0.03f, 0.028f, 0.028f);
    return patch || q[0] > 1.36f ? v3 (0.62f, 0.58f, 0.52f) : coat;
  }
  case FENCE:
    return v3 (0.27f, 0.21f, 0.15f) * (0.6f + 0.8f * noise3 (p * 6));
  }
  return v1 (0.5f);
}

/* ---- light ---- */

static vec3
haze (vec3 colour, vec3 dir, float t, float height)
{
  float thick = 1 - expf (-t * 0.00017f * expf (-height * 0.0005f));
  vec3 air = mix (v3 (0.45f, 0.60f, 0.85f), v3 (0.85f, 0.80f, 0.72f), powf (fmaxf (dot (dir, sky.sun_dir), 0), 3));
  return mix (colour, air * 0.95f, thick);
}

static vec3
shade (vec3 origin, vec3 dir, float t, float pixel, struct rng *rng)
{
  vec3 p = origin + dir * t, normal = normal_of (map, p, fmaxf (0.006f, 0.6f * pixel * t));
  struct hit hit = nearest_thing (p);
  /* The trace may stop at the border of a cell: what is there is the land or a tree within a pixel. */
  vec3 albedo = surface_colour (&hit, p, normal);
  struct sky lit = sky;
  float drift = fbm2 (p[0] * 0.0016f + 1.7f, p[2] * 0.0016f + 5.1f, 3); /* shadows of the clouds */
  lit.sun = sky.sun * mixf (1, 0.12f, smoothstep (0.50f, 0.60f, drift) * smoothstep (60, 260, p[2]));
  float reach = hit.part == LAND ? clampf (0.004f * t, 0.7f, 30) : 2.5f;
  vec3 light = daylight (map, &lit, p + normal * (0.03f + 1.2f * pixel * t), normal, albedo, reach, rng);
  if (hit.part == SPRUCE || hit.part == LARCH) /* needles let some light through */
    light += albedo * lit.sun * (0.16f * fmaxf (0.4f - dot (normal, sky.sun_dir), 0));
  return haze (light, dir, t, p[1]);
}

static vec3
radiance (vec3 origin, vec3 dir, float pixel, struct rng *rng)
{
  float water = dir[1] < 0 ? -origin[1] / dir[1] : 1e9f;
  float t = trace (map, origin, dir, 1, fminf (water, 9000), pixel);
  if (t > 0)
    return shade (origin, dir, t, pixel, rng);
  if (water > 9000)
    return sky_clouds (&sky, origin, dir, 40, rng);
  vec3 p = origin + dir * water;
  float e = 0.05f, gust = 0.3f + 1.6f * smoothstep (0.5f, 0.66f, fbm2 (p[0] * 0.012f, p[2] * 0.004f, 3));
  float h = fbm2 (p[0] * 0.5f, p[2] * 0.9f, 3);
  float dx = (fbm2 ((p[0] + e) * 0.5f, p[2] * 0.9f, 3) - h) / e, dz =
    (fbm2 (p[0] * 0.5f, (p[2] + e) * 0.9f, 3) - h) / e;
  vec3 normal = normalize (v3 (-0.022f * gust * dx, 1, -0.022f * gust * dz)), away = reflect (dir, normal);
  away = normalize (v3 (away[0], fabsf (away[1]) + 0.004f, away[2]));
  float fresnel = 0.02f + 0.98f * powf (1 - clampf (-dot (dir, normal), 0, 1), 5);
  float far = trace (map, p, away, 0.5f, 9000, pixel * 4);
  vec3 mirrored = far > 0 ? shade (p, away, far, pixel * 4, rng) : sky_clouds (&sky, p, away, 16, rng);
  vec3 body = mix (v3 (0.02f, 0.10f, 0.12f), v3 (0.05f, 0.22f, 0.22f), smoothstep (-0.12f, 0, shore (p[0], p[2])));
  return haze (mix (body, mirrored, clampf (fresnel * 1.1f + 0.05f, 0, 1)), dir, water, 0);
}

static bool
setup (void)
{
  if (!heights_init (&near_land) || !heights_init (&far_land))
    return false;
  trees_init ();
  house_ground = ground (HOUSE_X, HOUSE_Z) - 0.4f;
  for (size_t i = 0; i < HERD; i++)
    herd[i].base = ground (herd[i].x, herd[i].z) + 0.05f;
  for (size_t i = 0; i < GIANTS; i++) {
    giants[i].base = ground (giants[i].x, giants[i].z) - 0.5f;
    giants[i].seed = hash2 ((int) i, 3);
  }
  sky.sun_dir = normalize (v3 (-0.72f, 0.55f, -0.38f));
  return true;
}

const struct scene valley_scene = {
  .name = "valley",
  .camera = CAMERA,
  .grade = { .exposure = 0.62f, .saturation = 1.06f, .bloom = 0.05f, .vignette = 0.25f, .grain = 0.010f,
             .shadows = { 0.96f, 1, 1.06f }, .highlights = { 1.03f, 1, 0.97f } },
  .samples = 16,
  .setup = setup,
  .radiance = radiance,
};
