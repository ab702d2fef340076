/* SPDX-License-Identifier: Apache-2.0
 *
 * A village in the blue hour: rows of lavender and a road lead to houses round a church, windows and lamps are lit,
 * cypresses stand against the sky, and over the hills hang the moon, stars and clouds.
 * x runs to the right, y up, z away from the viewer; metres. */
#include "render.h"

#include <stddef.h>

enum part { LAND, WALL, ROOF, TOWER, SPIRE, CYPRESS, BUSH, POST, LAMP };

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

/* The sky that is seen; its sun is the moon. */
static struct sky night = {
  .sun = { 0.62f, 0.68f, 0.80f }, .zenith = { 0.006f, 0.022f, 0.110f }, .horizon = { 0.185f, 0.20f, 0.265f },
  .glow = { 0.06f, 0.07f, 0.09f },
  .cloud_base = 1100, .cloud_top = 1750, .cloud_scale = 1 / 1500.0f, .cloud_cover = 0.44f, .cloud_density = 0.008f,
  .cloud_shadow = { 0.045f, 0.06f, 0.125f }, .cloud_offset = { 2300, 0, 900 },
};

/* The light of the scene: what the sun has left behind the viewer. */
static struct sky dusk = {
  .sun = { 0.42f, 0.28f, 0.20f }, .zenith = { 0.06f, 0.11f, 0.29f }, .horizon = { 0.20f, 0.22f, 0.33f },
};

/* ---- the land ---- */

static float road_x (float z) { return 3.5f + 10 * sinf (z * 0.021f + 0.35f) - 0.02f * z; }

static float
base_height (float x, float z)
{
  float u = (x - 14) / 75, v = (z - 118) / 48;
  float h = 13 * expf (-u * u - v * v) + 2.2f * fbm2 (x * 0.014f, z * 0.014f, 2);
  if (z > 150) {
    float rolling = smoothstep (150, 520, z);
    h += rolling * (46 * fbm2 (x * 0.0042f + 3, z * 0.0042f, 3) - 8);
    h += 330 * smoothstep (500, 1400, z) * (0.35f + fbm2 (x * 0.0016f + 8, z * 0.0012f, 6));
  }
  return h;
}

/* 1 in the lavender field, 0 on the road, the verge and among the houses. */
static float
lavender (float x, float z)
{
  return smoothstep (2.6f, 3.2f, fabsf (x - road_x (z))) * smoothstep (74, 66, z + 0.12f * x);
}

static float
row_phase (float x, float z) { return (x * 0.97f + z * 0.2f) / 2.1f; }

static float
ground (float x, float z)
{
  float h = base_height (x, z), field = z < 80 ? lavender (x, z) : 0;
  if (field > 0) {
    float row = 0.5f + 0.5f * cosf (2 * PI * row_phase (x, z));
    float tuft = noise2 (x * 1.1f, z * 1.1f), spike = noise2 (x * 9, z * 9);
    h += field * smoothstep (0.22f, 0.62f, row) * (0.5f + 0.4f * tuft + 0.22f * spike);
  }
  return h;
}

/* ---- houses, church, trees, lamps; their feet are set once ---- */

#define HOUSES 40
static struct house {
  vec3 at, half;      /* foot; half width, wall height, half length */
  float turn, roof, seed;
} houses[HOUSES];

static struct tree {
  vec3 at;
  float tall, wide;
  enum part part;
} trees[] = {
  { { -13.2f, 0, -10 }, 24, 1.9f, CYPRESS }, { { -16.8f, 0, -5 }, 18, 1.6f, CYPRESS },
    { { -30, 0, 40 }, 15, 1.5f, CYPRESS },
  { { -26, 0, 46 }, 12, 1.3f, CYPRESS }, { { 43, 0, 72 }, 17, 1.6f, CYPRESS }, { { 47, 0, 76 }, 14, 1.4f, CYPRESS },
  { { -6, 0, 93 }, 13, 1.3f, CYPRESS }, { { 33, 0, 98 }, 14, 1.4f, CYPRESS }, { { 23, 0, 136 }, 15, 1.4f, CYPRESS },
  { { 29, 0, 40 }, 7, 3.6f, BUSH }, { { 36, 0, 47 }, 6, 3.2f, BUSH }, { { -40, 0, 78 }, 8, 4.5f, BUSH },
  { { -31, 0, 84 }, 7, 4, BUSH }, { { 60, 0, 92 }, 9, 5, BUSH }, { { 71, 0, 99 }, 8, 5, BUSH },
    { { -55, 0, 92 }, 9, 5, BUSH },
  { { 17, 0, 84 }, 6, 3, BUSH }, { { -18, 0, 80 }, 6, 3.2f, BUSH }, { { -66, 0, 100 }, 10, 6, BUSH },
    { { 84, 0, 112 }, 10, 6, BUSH },
};
#define TREES (sizeof trees / sizeof *trees)

#define LAMPS 11
static vec3 lamps[LAMPS];
static vec3 church = { 13, 0, 116 };

static void
one_house (const struct house *house, vec3 p, struct hit *hit)
{
  vec3 q = p - house->at;
  float reach = house->half[0] + house->half[2], bound = length (q - v3 (0, 4, 0)) - reach - 2;
  if (bound > 1.5f) {
    nearest (hit, bound, WALL, q, house->seed);
    return;
  }
  q = turn_y (q, house->turn);
  float wall = house->half[1], peak = wall + house->roof, half = house->half[0];
  float slant = (fabsf (q[0]) * house->roof + (q[1] - peak) * half) / length2 (house->roof, half);
  vec3 body = q - v3 (0, peak / 2 - 1, 0);
  nearest (hit, fmaxf (sd_box (body, v3 (half, peak / 2 + 1, house->half[2])), slant), WALL, q, house->seed);
  float tiles = fmaxf (fabsf (slant - 0.15f) - 0.13f, fmaxf (fabsf (q[2]) - house->half[2] - 0.35f, wall - 0.35f
                                                             - q[1]));
  nearest (hit, tiles, ROOF, q, house->seed);
  nearest (hit, sd_box (q - v3 (half * 0.45f, peak, house->half[2] * 0.4f), v3 (0.4f, 1, 0.4f)), WALL, q, -1);
}

static void
one_tree (const struct tree *tree, vec3 p, struct hit *hit)
{
  vec3 q = p - tree->at;
  float r = length2 (q[0], q[2]), bound = fmaxf (r - tree->wide * 1.3f, q[1] - tree->tall - 1);
  if (bound > 1) {
    nearest (hit, bound, tree->part, q, 0);
    return;
  }
  if (tree->part == CYPRESS) { /* a flame: widest below the middle, combed upwards */
    float up = clampf (q[1] / tree->tall, 0, 1);
    float limit = tree->wide * powf (fmaxf (sinf (PI * powf (up, 0.62f)), 0), 0.75f) * (1 - 0.25f * up);
    float comb = fbm3 (v3 (q[0] * 2.4f, q[1] * 0.62f, q[2] * 2.4f), 4) - 0.5f;
    nearest (hit, 0.45f * (length2 (r, fmaxf (q[1] - tree->tall, 0)) - limit - comb * tree->wide * 0.85f), CYPRESS, q,
             0);
  } else {
    vec3 c = q - v3 (0, tree->tall * 0.55f, 0);
    float crown = sd_ellipsoid (c, v3 (tree->wide, tree->tall * 0.45f, tree->wide));
    nearest (hit, 0.45f * (crown - 2.6f * (fbm3 (q * 0.55f, 4) - 0.42f)), BUSH, q, 0);
  }
}

static void
church_at (vec3 p, struct hit *hit)
{
  vec3 q = turn_y (p - church, 0.35f);
  float bound = sd_box (q - v3 (0, 14, 6), v3 (6, 17, 14));
  if (bound > 2) {
    nearest (hit, bound, TOWER, q, 0);
    return;
  }
  nearest (hit, sd_box (q - v3 (0, 7, 0), v3 (2.7f, 9.5f, 2.7f)), TOWER, q, 0);
  nearest (hit, sd_box (q - v3 (0, 16.4f, 0), v3 (3, 0.3f, 3)), TOWER, q, 0);
  float slope = (fmaxf (fabsf (q[0]), fabsf (q[2])) - 2.8f + (q[1] - 16.5f) * 2.8f / 13) * 0.95f;
  nearest (hit, fmaxf (slope, 16.5f - q[1]), SPIRE, q, 0);
  vec3 nave = q - v3 (0, 0, 10);
  float slant = (fabsf (nave[0]) * 4 + (nave[1] - 11) * 4.6f) / 6.1f;
  nearest (hit, fmaxf (sd_box (nave - v3 (0, 5, 0), v3 (4.6f, 6, 8)), slant), TOWER, q, 0);
  nearest (hit, fmaxf (fabsf (slant - 0.15f) - 0.13f, fmaxf (fabsf (nave[2]) - 8.3f, 6.8f - nave[1])), ROOF, nave,
           0.3f);
}

static struct hit
nearest_thing (vec3 p)
{
  float land = ground (p[0], p[2]);
  struct hit hit = { (p[1] - land) * 0.55f, LAND, p, 0 };
  for (size_t i = 0; i < TREES; i++)
    one_tree (&trees[i], p, &hit);
  float bound = sd_box (p - v3 (14, 20, 114), v3 (72, 30, 44));
  if (bound > 2) {
    nearest (&hit, bound, WALL, p, 0);
  } else {
    for (int i = 0; i < HOUSES; i++)
      one_house (&houses[i], p, &hit);
    church_at (p, &hit);
  }
  for (int i = 0; i < LAMPS; i++) {
    vec3 q = p - lamps[i];
    bound = length (q + v3 (0, 1.8f, 0)) - 3;
    if (bound > 1) {
      nearest (&hit, bound, POST, q, 0);
      continue;
    }
    nearest (&hit, sd_capsule (q, v3 (0, -4, 0), v3 (0, -0.3f, 0), 0.08f, 0.06f), POST, q, 0);
    nearest (&hit, sd_sphere (q, 0.24f), LAMP, q, 0);
  }
  return hit;
}

static float map (vec3 p) { return nearest_thing (p).d; }

/* ---- colours ---- */

static vec3
land_colour (vec3 p)
{
  float fine = fbm2 (p[0] * 1.9f, p[2] * 1.9f, 4), large = fbm2 (p[0] * 0.02f, p[2] * 0.02f, 4);
  vec3 grass = mix (v3 (0.10f, 0.13f, 0.035f), v3 (0.26f, 0.22f, 0.075f), smoothstep (0.35f, 0.65f, large))
    * (0.5f + fine);
  if (p[2] > 130) { /* groves and fields on the hills */
    float id, grove = cells2 (p[0] * 0.09f, p[2] * 0.09f, &id);
    float plot;
    cells2 (p[0] * 0.011f, p[2] * 0.011f, &plot);
    vec3 field = plot < 0.35f ? v3 (0.28f, 0.23f, 0.09f) : plot < 0.65f ? v3 (0.11f, 0.15f, 0.05f)
      : v3 (0.19f, 0.13f, 0.24f);
    vec3 tree = v3 (0.035f, 0.055f, 0.03f);
    return mix (field * (0.6f + 0.7f * fine), tree, smoothstep (0.42f, 0.3f, grove)
                * (id < 0.3f + 0.9f * (large - 0.2f)));
  }
  float field = lavender (p[0], p[2]), row = 0.5f + 0.5f * cosf (2 * PI * row_phase (p[0], p[2]));
  vec3 soil = v3 (0.26f, 0.17f, 0.11f) * (0.6f + 0.7f * fine);
  float bloom = noise2 (p[0] * 7, p[2] * 7);
  vec3 flower = mix (v3 (0.19f, 0.09f, 0.36f), v3 (0.36f, 0.24f, 0.56f), bloom);
  vec3 stems = v3 (0.10f, 0.15f, 0.075f);
  vec3 plant = mix (stems, flower, smoothstep (0.35f, 0.7f, row + 0.35f * (bloom - 0.5f)));
  vec3 colour = mix (grass, mix (soil, plant, smoothstep (0.18f, 0.36f, row)), field);
  float off = fabsf (p[0] - road_x (p[2])) + 0.5f * (fine - 0.5f);
  vec3 dust = v3 (0.46f, 0.38f, 0.29f) * (0.65f + 0.6f * fbm2 (p[0] * 3, p[2] * 3, 3));
  float road = smoothstep (2.1f, 1.7f, off) * (0.4f + 0.6f * smoothstep (0.25f, 0.6f, off))
    * smoothstep (110, 95, p[2]);
  return mix (colour, dust, road);
}

/* Windows in rows on all four walls: 1 for glass, 2 for the frame and shutters. */
static int
window_at (vec3 q, vec3 normal_local, float wall, int *which)
{
  if (fabsf (normal_local[1]) > 0.5f || q[1] > wall + 0.1f || q[1] < 0.7f)
    return 0;
  bool gable = fabsf (normal_local[2]) > fabsf (normal_local[0]);
  float across = gable ? q[0] : q[2], column = roundf (across / 2.3f), storey = floorf ((q[1] - 0.5f) / 2.7f);
  float x = fabsf (across - column * 2.3f), y = fabsf (q[1] - 0.5f - storey * 2.7f - 1.35f);
  *which = (int) column * 7 + (int) storey * 3 + gable * 31 + (normal_local[gable ? 2 : 0] > 0) * 57;
  if (x < 0.42f && y < 0.68f)
    return x > 0.34f || y > 0.6f || x < 0.03f ? 2 : 1;
  return x < 0.85f && y < 0.7f ? 3 : 0;
}

static vec3
surface_colour (const struct hit *hit, vec3 p, vec3 normal, vec3 *emitted)
{
  vec3 q = hit->local;
  switch (hit->part) {
  case LAND:
    return land_colour (p);
  case WALL: {
    if (hit->seed < 0)
      return v3 (0.40f, 0.26f, 0.19f);
    const struct house *house = &houses[(int) hit->seed];
    int which = 0, kind = window_at (q, turn_y (normal, house->turn), house->half[1], &which);
    float lit = hash2 ((int) hit->seed * 131 + which, 5);
    if (kind == 1) {
      if (lit < 0.55f)
        *emitted = v3 (3.8f, 1.75f, 0.46f) * (0.45f + 0.9f * lit) * (0.7f + 0.5f * noise3 (q * 2.5f));
      return v3 (0.03f, 0.04f, 0.06f);
    }
    if (kind == 2)
      return v3 (0.40f, 0.36f, 0.30f);
    if (kind == 3)
      return hash2 ((int) hit->seed, 77) < 0.5f ? v3 (0.10f, 0.22f, 0.30f) : v3 (0.16f, 0.26f, 0.17f);
    static const vec3 plaster[] = { { 0.62f, 0.50f, 0.34f }, { 0.66f, 0.58f, 0.46f }, { 0.55f, 0.36f, 0.23f },
                                    { 0.60f, 0.55f, 0.50f } };
    return plaster[(int) (hash2 ((int) hit->seed, 8) * 3.99f)] * (0.55f + 0.8f * fbm3 (q * 0.9f, 5));
  }
  case ROOF: {
    float course = floorf (q[1] / 0.24f), tile = floorf (q[2] / 0.3f);
    return v3 (0.42f, 0.17f, 0.09f) * (0.55f + 0.75f * hash2 ((int) course, (int) tile));
  }
  case TOWER: {
    float course = q[1] / 0.55f, block = (q[0] + q[2]) / 0.9f + 0.5f * fmodf (floorf (course), 2);
    float stone = 0.65f + 0.5f * hash2 ((int) floorf (course), (int) floorf (block));
    bool opening = fminf (fabsf (q[0]), fabsf (q[2])) < 0.62f && fabsf (q[1] - 13.2f) < 1.5f
      && fabsf (normal[1]) < 0.5f;
    if (opening)
      *emitted = v3 (1.5f, 0.75f, 0.25f);
    return v3 (0.56f, 0.48f, 0.38f) * stone * (0.8f + 0.4f * fbm3 (q * 0.6f, 3));
  }
  case SPIRE:
    return v3 (0.16f, 0.19f, 0.24f) * (0.75f + 0.5f * hash2 ((int) floorf (q[1] * 2.5f),
                                                             (int) floorf ((q[0] + q[2]) * 2)));
  case CYPRESS:
    return mix (v3 (0.028f, 0.055f, 0.030f), v3 (0.085f, 0.125f, 0.05f),
                fbm3 (v3 (q[0] * 3, q[1] * 0.8f, q[2] * 3), 3));
  case BUSH:
    return mix (v3 (0.06f, 0.085f, 0.035f), v3 (0.16f, 0.17f, 0.08f), noise3 (q * 3));
  case POST:
    return v3 (0.05f, 0.05f, 0.05f);
  case LAMP:
    *emitted = v3 (9, 5.4f, 2.2f);
    return v1 (0);
  }
  return v1 (0.5f);
}

/* ---- light ---- */

static vec3
lamplight (vec3 p, vec3 normal)
{
  vec3 sum = v1 (0);
  for (int i = 0; i < LAMPS; i++) {
    vec3 to = lamps[i] - p;
    float square = dot (to, to);
    if (square < 900)
      sum += v3 (1, 0.58f, 0.22f) * (5.5f * fmaxf (dot (normal, to) / sqrtf (square) + 0.15f, 0) / (square + 1.5f));
  }
  return sum;
}

/* Stars sit one to a cell of a grid on the sky, few of them bright; each has a small disc and a halo. */
static vec3
stars (vec3 dir)
{
  vec3 sum = v1 (0);
  float u = atan2f (dir[0], dir[2]), v = asinf (clampf (dir[1], -1, 1));
  for (int layer = 0; layer < 2; layer++) {
    float scale = layer ? 8.5f : 42, gu = u * scale, gv = v * scale;
    int cu = (int) floorf (gu), cv = (int) floorf (gv);
    for (int k = 0; k < 9; k++) {
      int iu = cu + k % 3 - 1, iv = cv + k / 3 - 1;
      float du = (float) iu + hash2 (iu + 500 * layer, iv) - gu, dv = (float) iv + hash2 (iv, iu + 900 * layer) - gv;
      float d = length2 (du, dv) / scale, rank = hash2 (iu * 3 + layer, iv * 7 + 2);
      if (rank > (layer ? 0.5f : 0.75f))
        continue;
      float power = layer ? 0.7f + 3 * rank : 0.9f * powf (1 - rank, 3), size = layer ? 0.0019f : 0.0010f;
      vec3 tint = mix (v3 (0.75f, 0.85f, 1.1f), v3 (1.15f, 0.95f, 0.65f), hash2 (iu, iv + 40));
      sum += tint * (power * (2.4f * smoothstep (size, size * 0.4f, d) + layer * 0.12f * expf (-d / 0.006f)));
    }
  }
  return sum;
}

static vec3
sky_at (vec3 origin, vec3 dir, struct rng *rng)
{
  vec3 clear = sky_clear (&night, dir), seen = sky_clouds (&night, origin, dir, 32, rng);
  float open = clampf (1 - 7 * length (seen - clear), 0, 1) * smoothstep (0.02f, 0.2f, dir[1]);
  float toward = dot (dir, night.sun_dir);
  float band = dir[0] * 0.62f + dir[1] * 0.78f - 0.05f - dir[2] * 0.12f;
  float milk = expf (-band * band * 42) * (0.25f + 1.3f * fbm3 (dir * 9, 5));
  seen += v3 (0.055f, 0.06f, 0.085f) * (milk * open);
  if (toward < 0.995f)
    seen += stars (dir) * open;
  /* A waxing moon: a disc, and the shadow's edge across it. */
  vec3 right = normalize (cross (v3 (0, 1, 0), night.sun_dir)), up = cross (night.sun_dir, right);
  float x = dot (dir, right) / 0.026f, y = dot (dir, up) / 0.026f, r = length2 (x, y);
  if (toward > 0 && r < 1.05f) {
    float limb = smoothstep (1.03f, 0.97f, r), edge = x * 0.82f - y * 0.57f, across = x * 0.57f + y * 0.82f;
    float dark = smoothstep (-0.06f, 0.1f, edge + 0.45f * sqrtf (fmaxf (1 - across * across, 0)));
    float maria = 0.75f + 0.5f * fbm2 (x * 1.8f + 5, y * 1.8f, 4);
    seen = mix (seen, v3 (3.3f, 3.0f, 2.3f) * maria * (0.03f + 0.97f * dark), limb);
  }
  return seen + v3 (0.50f, 0.50f, 0.45f) * (0.5f * expf (-6 * fmaxf (r - 1, 0) / 8) * (toward > 0)) * 0.5f;
}

static vec3
radiance (vec3 origin, vec3 dir, float pixel, struct rng *rng)
{
  float t = trace (map, origin, dir, 0.5f, 2600, pixel);
  if (t < 0)
    return sky_at (origin, dir, rng);
  vec3 p = origin + dir * t, normal = normal_of (map, p, fmaxf (0.006f, 0.5f * pixel * t));
  struct hit hit = nearest_thing (p);
  vec3 emitted = v1 (0), albedo = surface_colour (&hit, p, normal, &emitted);
  vec3 from = p + normal * (0.02f + pixel * t);
  vec3 light = daylight (map, &dusk, from, normal, albedo, hit.part == LAND ? 1 : 2.5f, rng);
  light += albedo * (lamplight (from, normal) + night.sun * (0.30f * fmaxf (dot (normal, night.sun_dir), 0))) + emitted;
  vec3 air = sky_clear (&night, v3 (dir[0], 0.03f, dir[2])) * 0.9f;
  return mix (light, air, 1 - expf (-t * 0.00075f));
}

static bool
setup (void)
{
  night.sun_dir = normalize (v3 (0.36f, 0.41f, 1));
  dusk.sun_dir = normalize (v3 (-0.75f, 0.30f, -0.60f));
  church[1] = base_height (church[0], church[2]) - 0.5f;
  for (size_t i = 0; i < TREES; i++)
    trees[i].at[1] = base_height (trees[i].at[0], trees[i].at[2]) - 0.4f;
  for (int i = 0; i < LAMPS; i++) {
    float z = 40 + 7.5f * (float) i, side = i % 2 ? 3.1f : -3.1f;
    lamps[i] = v3 (road_x (z) + side, base_height (road_x (z) + side, z) + 3.7f, z);
  }
  for (int i = 0; i < HOUSES; i++) { /* terraces round the hill, nearer houses lower */
    int terrace = i / 10;
    float z = 84 + 15 * (float) terrace + 6 * hash2 (i, 1), x =
      -42 + 12.2f * (float) (i % 10) + 5 * hash2 (i, 2) + 3 * (float) (terrace % 2);
    float away = fabsf (x - road_x (z));
    if (away < 7.5f)
      x += x > road_x (z) ? 7.5f - away : away - 7.5f;
    if (length2 (x - church[0], z - church[2] - 4) < 13)
      x += x > church[0] ? 13 : -13;
    struct house *house = &houses[i];
    house->half = v3 (3.2f + 1.1f * hash2 (i, 3), 4.2f + 2.9f * (float) (hash2 (i, 4) > 0.45f), 4 + 2 * hash2 (i, 5));
    house->at = v3 (x, base_height (x, z) - 0.6f, z);
    house->turn = 0.6f * (hash2 (i, 6) - 0.5f) + (hash2 (i, 7) < 0.5f ? PI / 2 : 0);
    house->roof = 1.7f + 0.9f * hash2 (i, 9);
    house->seed = (float) i;
  }
  return true;
}

const struct scene village_scene = {
  .name = "village",
  .camera = { .eye = { -1.5f, 8.6f, -45 }, .target = { 4.0f, 19.5f, 60 }, .fov = 41 },
  .grade = { .exposure = 1.6f, .saturation = 1.08f, .bloom = 0.10f, .vignette = 0.28f, .grain = 0.010f,
             .shadows = { 0.92f, 0.99f, 1.10f }, .highlights = { 1.04f, 1, 0.95f } },
  .samples = 25,
  .setup = setup,
  .radiance = radiance,
};
