/* SPDX-License-Identifier: Apache-2.0
 *
 * A harbour in late sunlight: a row of gabled houses along a quay on the right, a second row with a church across the
 * basin, wooded hills, boats at their moorings, and all of it once more in the rippled water.
 * x runs to the right, y up from the water, z away from the viewer. */
#include "render.h"

#include <stddef.h>

enum part { FACADE, ROOF, QUAY, HILL, TOWER, SPIRE, HULL, DECK, CABIN, SPAR, CANVAS, POST, PARASOL, PERSON,
            SIMPLE_WALL };

struct hit {
  float d;
  enum part part;
  vec3 local;     /* in the frame of the thing that was hit */
  float seed;     /* which of its kind: 64 row + cell + 32 for a house, an index for a boat, else 0..1 */
};

static struct sky sky = {
  .sun = { 5.2f, 3.75f, 2.2f }, .zenith = { 0.11f, 0.30f, 0.74f }, .horizon = { 0.82f, 0.68f, 0.56f },
  .glow = { 0.9f, 0.6f, 0.3f },
  .cloud_base = 900, .cloud_top = 1900, .cloud_scale = 1 / 1500.0f, .cloud_cover = 0.52f, .cloud_density = 0.014f,
  .cloud_shadow = { 0.36f, 0.38f, 0.50f }, .cloud_offset = { 2500, 0, -1100 },
};

static inline void
nearest (struct hit *hit, float d, enum part part, vec3 local, float seed)
{
  if (d < hit->d)
    *hit = (struct hit) { d, part, local, seed };
}

/* ---- houses: q = (along the row, up, into the house) ---- */

#define HOUSE_WIDTH 7.0f
#define STOREY 3.1f
#define WINDOW_STEP 2.25f
#define GROUND 1.5f /* height of the quay */

struct house {
  float wall, roof, depth; /* heights of wall and gable, depth of the house */
  int storeys;
  bool shutters;
};

static struct house
house_of (int row, int cell)
{
  int storeys = 3 + (int) (hash2 (cell, row) * 2.3f);
  return (struct house) {
    .storeys = storeys, .wall = 0.7f + STOREY * (float) storeys + 0.8f * hash2 (cell, row + 10),
    .roof = 2.8f + 2.4f * hash2 (cell, row + 20), .depth = 11, .shutters = hash2 (cell, row + 30) < 0.45f,
  };
}

/* The place within the nearest window: across, up. */
static void
window_of (const struct house *house, vec3 p, float *across, float *up, int *storey)
{
  float column = clampf (roundf (p[0] / WINDOW_STEP), -1, 1);
  *storey = (int) clampf (roundf ((p[1] - 1.95f) / STOREY), 0, (float) house->storeys - 1);
  *across = p[0] - column * WINDOW_STEP;
  *up = p[1] - 1.95f - (float) *storey * STOREY;
  float gable = house->wall + house->roof * 0.33f;
  if (p[1] > house->wall + 0.2f) {
    *across = p[0];
    *up = (p[1] - gable) * 1.15f;
    *storey = 9;
  }
}

static void
house (int row, int cell, vec3 q, struct hit *hit)
{
  struct house house = house_of (row, cell);
  vec3 p = v3 (q[0] - ((float) cell + 0.5f) * HOUSE_WIDTH, q[1] - GROUND, q[2]);
  float half = HOUSE_WIDTH / 2 - 0.02f, peak = house.wall + house.roof;
  vec3 middle = p - v3 (0, peak / 2, house.depth / 2);
  float slant = (fabsf (p[0]) * house.roof + (p[1] - peak) * half) / length2 (house.roof, half);
  float wall = fmaxf (sd_box (middle, v3 (half, peak / 2, house.depth / 2)), slant);
  if (p[2] < 1.5f && wall < 0.6f) {
    float across, up;
    int storey;
    window_of (&house, p, &across, &up, &storey);
    wall = fmaxf (wall, -sd_box (v3 (across, up, p[2]), v3 (0.52f, 0.85f, 0.2f)));
    wall = fminf (wall, sd_box (v3 (across, up + 0.93f, p[2]), v3 (0.68f, 0.07f, 0.13f)));
    wall = fminf (wall, sd_box (v3 (p[0], p[1] - house.wall, p[2]), v3 (half, 0.12f, 0.14f)));
  }
  float seed = (float) (row * 64 + cell + 32);
  nearest (hit, wall, FACADE, p, seed);
  float tiles = fmaxf (fabsf (slant - 0.12f) - 0.1f, fmaxf (fabsf (p[0]) - half - 0.02f,
                                                          fabsf (p[2] - house.depth / 2) - house.depth / 2 - 0.25f));
  nearest (hit, fmaxf (tiles, house.wall - 0.25f - p[1]), ROOF, p, seed);
  vec3 stack = p - v3 (1.6f, peak - 0.6f, 3 + 3 * hash2 (cell, row + 50));
  nearest (hit, sd_box (stack, v3 (0.4f, 1.3f, 0.5f)), SIMPLE_WALL, stack, seed);
}

static void
houses (int row, int first, int last, vec3 q, struct hit *hit)
{
  float lo = (float) first * HOUSE_WIDTH, hi = (float) (last + 1) * HOUSE_WIDTH;
  float bound = sd_box (q - v3 ((lo + hi) / 2, 11, 5.5f), v3 ((hi - lo) / 2, 11.5f, 6.2f));
  if (bound > 2) {
    nearest (hit, bound, FACADE, q, (float) first);
    return;
  }
  int cell = (int) clampf (floorf (q[0] / HOUSE_WIDTH), (float) first, (float) last);
  int beside = cell + (fractf (q[0] / HOUSE_WIDTH) < 0.5f ? -1 : 1);
  house (row, cell, q, hit);
  if (beside >= first && beside <= last)
    house (row, beside, q, hit);
}

/* ---- boats ---- */

enum rig { ROWING, SLOOP, CUTTER };

static const struct boat {
  float x, z, heading, half; /* where, radians, half its length */
  enum rig rig;
  vec3 hull, strake;
} boats[] = {
  { -7.4f, -9.6f, 0.75f, 2.1f, ROWING, { 0.62f, 0.07f, 0.04f }, { 0.85f, 0.80f, 0.66f } },
  { -11.8f, 0.5f, -0.5f, 1.9f, ROWING, { 0.05f, 0.28f, 0.33f }, { 0.85f, 0.62f, 0.20f } },
  { 7.6f, 1.0f, 0.06f, 4.6f, CUTTER, { 0.03f, 0.12f, 0.32f }, { 0.88f, 0.86f, 0.80f } },
  { 8.0f, 15.0f, -0.05f, 4.9f, SLOOP, { 0.82f, 0.80f, 0.74f }, { 0.50f, 0.06f, 0.05f } },
  { 7.6f, 29.0f, 0.04f, 5.4f, SLOOP, { 0.05f, 0.22f, 0.14f }, { 0.85f, 0.70f, 0.30f } },
  { 8.0f, 46.0f, 0.0f, 5.0f, CUTTER, { 0.55f, 0.10f, 0.05f }, { 0.86f, 0.84f, 0.78f } },
  { -17.0f, 40.0f, 1.1f, 5.2f, SLOOP, { 0.80f, 0.76f, 0.66f }, { 0.06f, 0.16f, 0.36f } },
  { -2.0f, 74.0f, 0.4f, 4.6f, SLOOP, { 0.70f, 0.16f, 0.08f }, { 0.86f, 0.84f, 0.78f } },
  { -27.0f, 62.0f, 0.5f, 4.4f, CUTTER, { 0.10f, 0.30f, 0.42f }, { 0.86f, 0.84f, 0.78f } },
};
#define BOATS (sizeof boats / sizeof *boats)

static void
boat (size_t index, vec3 q, struct hit *hit)
{
  const struct boat *b = &boats[index];
  vec3 p = turn_y (q - v3 (b->x, 0, b->z), b->heading);
  float half = b->half, tall = b->rig == ROWING ? half : half * 2.6f;
  float bound = sd_box (p - v3 (0, tall / 2, 0), v3 (half * 0.5f, tall / 2 + 1, half + 0.3f));
  if (bound > 1) {
    nearest (hit, bound, HULL, p, (float) index);
    return;
  }
  float wide = half * (b->rig == ROWING ? 0.36f : 0.31f), k = p[2] / half;
  float rim = (b->rig == ROWING ? 0.42f : 0.2f * half) + 0.09f * half * k * k;
  vec3 r = v3 (wide, rim * 1.75f, half), c = p - v3 (0, rim, 0);
  float hull = sd_ellipsoid (c, r), open = sd_ellipsoid (c, r - v3 (0.07f, 0.07f, 0.1f));
  float deep = b->rig == ROWING ? 0.42f : 0.12f;
  float deck = fmaxf (hull, c[1] + deep);
  nearest (hit, 0.8f * fmaxf (fmaxf (hull, c[1]), -fmaxf (open, -(c[1] + deep))), HULL, c, (float) index);
  nearest (hit, 0.8f * deck, DECK, c, (float) index);
  if (b->rig == ROWING) {
    for (int i = -1; i <= 1; i++) {
      vec3 seat = c - v3 (0, -0.13f, (float) i * half * 0.42f);
      nearest (hit, fmaxf (sd_box (seat, v3 (wide, 0.03f, 0.13f)), hull), SPAR, seat, (float) index);
    }
    nearest (hit, sd_capsule (c, v3 (0.1f, -0.02f, -half * 0.7f), v3 (0.35f, 0.03f, half * 0.6f), 0.03f, 0.03f), SPAR,
             c, 0);
    return;
  }
  float roof = half * 0.16f;
  vec3 house = c - v3 (0, roof * 0.4f, b->rig == CUTTER ? -half * 0.25f : half * 0.05f);
  vec3 size = b->rig == CUTTER ? v3 (wide * 0.5f, roof * 1.5f, half * 0.2f)
    : v3 (wide * 0.5f, roof * 0.45f, half * 0.3f);
  nearest (hit, sd_box (house, size) - 0.04f, CABIN, house, (float) index);
  vec3 foot = v3 (0, 0, half * (b->rig == CUTTER ? 0.15f : 0.22f)), head = foot + v3 (0, tall - 1, 0);
  nearest (hit, sd_capsule (c, foot, head, 0.09f, 0.05f), SPAR, c, (float) index);
  vec3 boom = foot + v3 (0, half * 0.34f, -0.15f), end = boom + v3 (0, 0.1f, -half * 0.95f);
  nearest (hit, sd_capsule (c, boom, end, 0.06f, 0.05f), SPAR, c, (float) index);
  if (b->rig == SLOOP)
    nearest (hit, sd_capsule (c, boom + v3 (0, 0.18f, 0), end + v3 (0, 0.12f, 0), 0.2f, 0.12f), CANVAS, c,
             (float) index);
  else
    nearest (hit, sd_capsule (c, boom, boom + v3 (0, half * 0.9f, -half * 0.7f), 0.05f, 0.04f), SPAR, c, (float) index);
  vec3 top = head - v3 (0, 0.2f, 0);
  float stays = fminf (sd_capsule (c, top, v3 (0, 0.2f, half * 0.97f), 0.015f, 0.015f),
                       sd_capsule (c, top, v3 (0, 0.2f, -half * 0.97f), 0.015f, 0.015f));
  vec3 mirrored = v3 (fabsf (c[0]), c[1], c[2]);
  stays = fminf (stays, sd_capsule (mirrored, top, v3 (wide * 0.9f, 0, foot[2]), 0.015f, 0.015f));
  nearest (hit, stays, POST, c, (float) index);
}

/* ---- quay, its lamps, parasols and people; the hills and the church behind ---- */

static void
quay_life (vec3 p, struct hit *hit)
{
  float bound = sd_box (p - v3 (13, GROUND + 2, 40), v3 (2.6f, 2.6f, 60));
  if (bound > 1) {
    nearest (hit, bound, POST, p, 0);
    return;
  }
  int cell = (int) clampf (roundf ((p[2] - 2) / 13), -1, 7);
  vec3 lamp = p - v3 (11.7f, GROUND, (float) cell * 13 + 2);
  nearest (hit, fminf (sd_capsule (lamp, v3 (0, 0, 0), v3 (0, 3.6f, 0), 0.07f, 0.05f),
                       sd_box (lamp - v3 (0, 3.85f, 0), v3 (0.16f, 0.24f, 0.16f)) - 0.03f), POST, lamp, 0.5f);
  cell = (int) clampf (roundf (p[2] / 3.4f), -3, 25);
  if (hash2 (cell, 400) < 0.55f) {
    vec3 shade = p - v3 (14.3f, GROUND + 2.2f, (float) cell * 3.4f);
    nearest (hit, fmaxf (sd_cone (shade, 0.8f, 1.5f, 0.02f), -sd_cone (shade + v3 (0, 0.08f, 0), 0.8f, 1.5f, 0.02f)),
             PARASOL, shade, hash2 (cell, 401));
    nearest (hit, sd_capsule (shade, v3 (0, -2.2f, 0), v3 (0, 0.7f, 0), 0.04f, 0.04f), SPAR, shade, 0);
  }
  cell = (int) clampf (roundf (p[2] / 2.3f), -4, 37);
  if (hash2 (cell, 500) < 0.5f) {
    vec3 body = p - v3 (12.3f + hash2 (cell, 501), GROUND, ((float) cell + 0.5f * hash2 (cell, 502) - 0.25f) * 2.3f);
    float d = sd_capsule (body, v3 (0, 0.15f, 0), v3 (0, 0.8f, 0), 0.13f, 0.17f);
    d = smooth_min (d, sd_capsule (body, v3 (0, 0.9f, 0), v3 (0, 1.35f, 0), 0.17f, 0.21f), 0.1f);
    nearest (hit, fminf (d, sd_sphere (body - v3 (0, 1.68f, 0), 0.13f)), PERSON, body, hash2 (cell, 503));
  }
}

static float
hill_height (float x, float z)
{
  float rise = smoothstep (109, 250, z) * (26 + 38 * smoothstep (10, -120, x)
                                           + 26 * noise2 (x * 0.012f + 3, z * 0.012f));
  float left = smoothstep (-50, -95, x) * smoothstep (84, 170, z) * 26;
  return rise + left - 3 + 5 * smoothstep (104, 109, z);
}

static void
backdrop (vec3 p, struct hit *hit)
{
  if (p[2] > 40) {
    float h = hill_height (p[0], p[2]), d = p[1] - h;
    if (d < 14 && h > 0) {
      float crowns = cells2 (p[0] * 0.16f, p[2] * 0.16f, NULL);
      d -= 5.5f * (1 - 1.1f * crowns * crowns) * smoothstep (0, 4, h) + 1.3f * noise3 (p * 0.8f) - 0.6f;
    }
    nearest (hit, d > 14 ? (d - 8) * 0.6f : d * 0.36f, HILL, p, 0);
  }
  vec3 tower = p - v3 (-12.5f, 0, 116);
  float bound = length2 (tower[0], tower[2]) - 6;
  if (bound > 2) {
    nearest (hit, bound, TOWER, tower, 0);
  } else {
    nearest (hit, fminf (sd_box (tower - v3 (0, 16, 0), v3 (3.1f, 16, 3.1f)),
                         sd_box (tower - v3 (0, 31.6f, 0), v3 (3.5f, 0.5f, 3.5f))), TOWER, tower, 0);
    vec3 spire = tower - v3 (0, 32, 0);
    float slope = (fmaxf (fabsf (spire[0]), fabsf (spire[2])) - 3.3f + spire[1] * 3.3f / 15) * 0.97f;
    nearest (hit, fmaxf (slope, -spire[1]), SPIRE, spire, 0);
  }
}

static void
land (vec3 p, struct hit *hit)
{
  float right = sd_box (p - v3 (61, -2, 60), v3 (50, 2 + GROUND, 110));
  float back = sd_box (p - v3 (-12, -2, 128), v3 (34, 2 + GROUND, 32));
  nearest (hit, fminf (right, back), QUAY, p, 0);
}

static struct hit
nearest_thing (vec3 p)
{
  struct hit hit = { 1e9f, QUAY, p, 0 };
  land (p, &hit);
  houses (0, -4, 15, v3 (p[2], p[1], p[0] - 16.5f), &hit);
  houses (1, -6, 1, v3 (p[0], p[1], p[2] - 101), &hit);
  for (size_t i = 0; i < BOATS; i++)
    boat (i, p, &hit);
  quay_life (p, &hit);
  backdrop (p, &hit);
  return hit;
}

static float map (vec3 p) { return nearest_thing (p).d; }

/* ---- colours ---- */

static const vec3 paints[] = {
  { 0.64f, 0.38f, 0.12f }, { 0.52f, 0.12f, 0.07f }, { 0.74f, 0.68f, 0.54f }, { 0.17f, 0.30f, 0.42f },
  { 0.58f, 0.27f, 0.15f }, { 0.34f, 0.42f, 0.26f }, { 0.68f, 0.50f, 0.25f }, { 0.62f, 0.30f, 0.26f },
  { 0.60f, 0.62f, 0.60f }, { 0.10f, 0.20f, 0.36f },
};
static const int order[] = { 0, 3, 1, 2, 5, 4, 9, 6, 7, 3, 1, 8, 5, 0, 4, 9 };

static vec3
facade_colour (const struct hit *hit, vec3 normal, float *shine)
{
  int index = (int) hit->seed, row = index / 64, cell = index % 64 - 32;
  vec3 p = hit->local, paint = paints[order[(index + 5 * row + 3) & 15]];
  struct house house = house_of (row, cell);
  float weather = fbm2 (p[0] * 1.3f + hit->seed * 7, p[1] * 0.7f + p[2], 4);
  float streak = fbm2 (p[0] * 5 + hit->seed * 3, p[1] * 0.35f, 3); /* rain has run down */
  vec3 wall = paint * (0.55f + 0.5f * weather + 0.35f * streak) * (1 - 0.35f * smoothstep (1.4f, 0, p[1]));
  wall = mix (wall, v3 (0.30f, 0.27f, 0.22f), 0.35f * smoothstep (0.56f, 0.8f, weather));
  if ((index & 3) == 2) { /* brick */
    float course = p[1] / 0.09f, brick = (p[0] + p[2]) / 0.3f + 0.5f * fmodf (floorf (course), 2);
    bool joint = fractf (course) < 0.16f || fractf (brick) < 0.06f;
    wall = joint ? wall * 0.6f + v1 (0.12f) : wall * (0.75f + 0.5f
                                                      * hash2 ((int) floorf (course), (int) floorf (brick)));
  }
  if (p[2] > 0.6f)
    return wall;
  float across, up;
  int storey;
  window_of (&house, p, &across, &up, &storey);
  float ax = fabsf (across), ay = fabsf (up);
  if (p[2] > 0.17f && normal[1] < 0.5f) {
    bool bar = ax > 0.44f || ay > 0.77f || ax < 0.035f || fabsf (up - 0.2f) < 0.035f;
    int column = (int) roundf ((p[0] - across) / WINDOW_STEP) + 1;
    float guest = hash2 (index * 4 + column, storey);
    bool curtain = guest < 0.6f && ax > 0.17f + 0.2f * guest - 0.1f * up;
    *shine = bar ? 0 : 1;
    if (bar)
      return v3 (0.66f, 0.63f, 0.57f);
    return curtain ? v3 (0.42f, 0.38f, 0.31f) * (0.6f + 0.4f * sinf (across * 70)) : v3 (0.012f, 0.015f, 0.02f);
  }
  if (house.shutters && storey != 9 && ax > 0.56f && ax < 1.02f && ay < 0.87f && p[2] < 0.05f)
    return paints[(cell * 5 + 39) % 10] * (fractf (up * 9) < 0.3f ? 0.35f : 0.6f);
  if (ax < 0.68f && ay < 1.0f)
    return v3 (0.72f, 0.69f, 0.62f);
  if (p[1] < 0.5f)
    return v3 (0.30f, 0.28f, 0.26f) * (0.7f + 0.5f * weather);
  return fabsf (p[1] - house.wall) < 0.13f ? v3 (0.70f, 0.67f, 0.6f) : wall;
}

static vec3
surface_colour (const struct hit *hit, vec3 p, vec3 normal, float *shine)
{
  vec3 q = hit->local;
  const struct boat *b = &boats[(size_t) clampf (hit->seed, 0, BOATS - 1)];
  switch (hit->part) {
  case FACADE:
    return facade_colour (hit, normal, shine);
  case ROOF: {
    float course = q[1] / 0.26f, tile = q[2] / 0.22f;
    vec3 clay = hash2 ((int) hit->seed, 8) < 0.65f ? v3 (0.50f, 0.16f, 0.075f) : v3 (0.16f, 0.17f, 0.20f);
    float tone = 0.65f + 0.5f * hash2 ((int) floorf (course), (int) floorf (tile))
      + 0.4f * (noise2 (q[1], q[2]) - 0.5f);
    return clay * tone * (0.6f + 0.4f * smoothstep (0, 0.3f, fractf (course)));
  }
  case QUAY: {
    vec3 stone = v3 (0.36f, 0.32f, 0.27f) * (0.6f + 0.8f * fbm3 (p * 1.7f, 4));
    if (normal[1] > 0.5f)
      return stone * (0.85f + 0.4f * hash2 ((int) floorf (p[0] * 3), (int) floorf (p[2] * 3)));
    float course = p[1] / 0.42f, block = (p[0] + p[2]) / 0.95f + 0.5f * fmodf (floorf (course), 2);
    float joint = fractf (course) < 0.1f || fractf (block) < 0.05f ? 0.45f : 1;
    vec3 weed = v3 (0.09f, 0.12f, 0.05f);
    return mix (weed, stone * joint * (0.7f + 0.5f * hash2 ((int) floorf (course), (int) floorf (block))),
                smoothstep (0.25f, 0.7f, p[1] + 0.3f * noise2 (p[2] * 1.5f, 3)));
  }
  case HILL: {
    float kind;
    cells2 (p[0] * 0.16f, p[2] * 0.16f, &kind);
    vec3 leaf = mix (v3 (0.045f, 0.085f, 0.025f), v3 (0.17f, 0.17f, 0.035f), kind * kind);
    return leaf * (0.6f + 0.8f * fbm3 (p * 1.4f, 3));
  }
  case TOWER: {
    vec3 stone = v3 (0.55f, 0.47f, 0.37f) * (0.7f + 0.6f * fbm3 (p * 0.8f, 4));
    bool opening = fabsf (q[0]) < 0.8f && (fabsf (q[1] - 26.5f) < 2.2f || fabsf (q[1] - 17) < 1.2f);
    return opening && normal[2] < -0.5f ? v3 (0.03f, 0.03f, 0.035f) : stone;
  }
  case SPIRE:
    return v3 (0.17f, 0.33f, 0.27f) * (0.75f + 0.5f * fbm3 (p * 0.9f, 3));
  case HULL:
    *shine = 0.25f;
    if (q[1] > -0.1f)
      return b->strake;
    return q[1] < -0.2f * b->half + 0.12f && b->rig != ROWING ? v3 (0.24f, 0.05f, 0.03f) : b->hull;
  case DECK:
  case SPAR:
    return v3 (0.38f, 0.21f, 0.09f) * (0.7f + 0.6f * fractf (q[0] * 5));
  case CABIN: {
    bool pane = fabsf (q[1] - 0.25f * b->half * 0.16f) < 0.13f * b->half * (b->rig == CUTTER ? 0.7f : 0.25f)
                && fractf (q[2] * 1.1f + 0.5f) > 0.25f && normal[1] < 0.5f;
    *shine = pane;
    return pane ? v3 (0.02f, 0.03f, 0.035f) : v3 (0.74f, 0.70f, 0.62f);
  }
  case CANVAS:
    return v3 (0.70f, 0.64f, 0.52f);
  case POST:
    return hit->seed == 0.5f && q[1] > 3.6f ? v3 (0.9f, 0.85f, 0.7f) : v3 (0.04f, 0.045f, 0.045f);
  case PARASOL:
    return hit->seed < 0.4f ? v3 (0.62f, 0.09f, 0.06f) : hit->seed < 0.7f ? v3 (0.74f, 0.68f, 0.55f)
      : v3 (0.75f, 0.48f, 0.1f);
  case PERSON:
    if (q[1] > 1.53f)
      return v3 (0.42f, 0.26f, 0.17f);
    return q[1] < 0.85f ? v3 (0.06f, 0.07f, 0.11f) : paints[(int) (hit->seed * 9.99f)];
  case SIMPLE_WALL:
    return v3 (0.42f, 0.17f, 0.11f) * (0.7f + 0.6f * noise2 (q[0] * 6, q[1] * 9));
  }
  return v1 (0.5f);
}

/* ---- light ---- */

static vec3
haze (vec3 colour, vec3 dir, float t)
{
  vec3 air = mix (sky.horizon, v3 (0.55f, 0.62f, 0.75f), 0.45f) * 0.85f;
  return mix (colour, air + sky.glow * 0.1f * fmaxf (dot (dir, sky.sun_dir), 0), 1 - expf (-t * 0.0011f));
}

static vec3
shade (vec3 origin, vec3 dir, float t, float pixel, struct rng *rng)
{
  vec3 p = origin + dir * t, normal = normal_of (map, p, fmaxf (0.004f, 0.5f * pixel * t));
  struct hit hit = nearest_thing (p);
  float shine = 0;
  vec3 albedo = surface_colour (&hit, p, normal, &shine);
  vec3 light = daylight (map, &sky, p + normal * (0.01f + pixel * t), normal, albedo, hit.part == HILL ? 6 : 1.6f, rng);
  if (shine > 0) {
    vec3 away = reflect (dir, normal);
    float fresnel = 0.05f + 0.95f * powf (1 - fabsf (dot (dir, normal)), 5);
    light += sky_clear (&sky, away) * (shine * fminf (fresnel * 1.6f, 1));
  }
  return haze (light, dir, t);
}

/* Short waves on a slow swell, steeper across the wind; and calm lanes in between. */
static float
water_height (float x, float z)
{
  float calm = 0.35f + 0.85f * smoothstep (0.35f, 0.65f, fbm2 (x * 0.05f, z * 0.09f, 2));
  return calm * (0.055f * fbm2 (x * 0.9f, z * 1.7f, 2) + 0.02f * noise2 (x * 3.7f + 5, z * 6.1f)
                 + 0.006f * noise2 (x * 11, z * 15));
}

static vec3
radiance (vec3 origin, vec3 dir, float pixel, struct rng *rng)
{
  float water = dir[1] < 0 ? -origin[1] / dir[1] : 1e9f;
  float t = trace (map, origin, dir, 0.5f, fminf (water, 700), pixel);
  if (t > 0)
    return shade (origin, dir, t, pixel, rng);
  if (water > 3000)
    return sky_clouds (&sky, origin, dir, 32, rng);
  vec3 p = origin + dir * water;
  float e = 0.03f, h = water_height (p[0], p[2]);
  float dx = (water_height (p[0] + e, p[2]) - h) / e, dz = (water_height (p[0], p[2] + e) - h) / e;
  vec3 normal = normalize (v3 (-dx, 1, -dz)), away = reflect (dir, normal);
  away = normalize (v3 (away[0], fabsf (away[1]) + 0.01f, away[2]));
  float fresnel = 0.02f + 0.98f * powf (1 - clampf (-dot (dir, normal), 0, 1), 5);
  float far = trace (map, p, away, 0.05f, 400, pixel * 3);
  vec3 mirrored = far > 0 ? shade (p, away, far, pixel * 3, rng) : sky_clouds (&sky, p, away, 16, rng);
  vec3 body = v3 (0.018f, 0.075f, 0.085f) * 1.1f;
  vec3 light = mix (body, mirrored, clampf (fresnel * 1.25f + 0.08f, 0, 1));
  return haze (light, dir, water);
}

static bool
setup (void)
{
  sky.sun_dir = normalize (v3 (-0.78f, 0.42f, -0.42f));
  return true;
}

const struct scene harbour_scene = {
  .name = "harbour",
  .camera = { .eye = { -5.5f, 4.6f, -27 }, .target = { 1.5f, 8.2f, 30 }, .fov = 43 },
  .grade = { .exposure = 0.64f, .saturation = 1.04f, .bloom = 0.06f, .vignette = 0.28f, .grain = 0.012f,
             .shadows = { 0.95f, 1, 1.08f }, .highlights = { 1.03f, 1, 0.96f } },
  .samples = 16,
  .setup = setup,
  .radiance = radiance,
};
