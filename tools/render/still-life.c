/* SPDX-License-Identifier: Apache-2.0
 *
 * A still life by a window: sunflowers and daisies in a painted vase, a bowl of fruit, a bottle, grapes and a cloth on
 * a wooden table. Path traced: each hit samples the window and the sun that falls through it, then goes on in a random
 * direction; glazed things reflect by Fresnel's law (Kajiya 1986; Shirley et al., direct lighting).
 * Units are decimetres; x runs to the right, y up from the table, z away from the viewer. */
#include "render.h"

#include <stddef.h>

enum part { TABLE, WALL, CLOTH, VASE, BOWL, BOTTLE, APPLE, ORANGE, LEMON, PEAR, GRAPE, STALK, LEAF, PETAL, SEEDS };

struct hit {
  float d;
  enum part part;
  vec3 local;
  float seed;
};

struct surface {
  vec3 albedo, normal;
  float coat, rough;    /* strength and spread of the glaze */
};

static inline void
nearest (struct hit *hit, float d, enum part part, vec3 local, float seed)
{
  if (d < hit->d)
    *hit = (struct hit) { d, part, local, seed };
}

/* ---- fruit ---- */

static const struct fruit {
  enum part part;
  vec3 at;
  float size, lean, turn;
} fruits[] = {
  { APPLE, { 2.2f, 1.55f, -0.3f }, 0.42f, 0.5f, 0.3f }, { ORANGE, { 3.05f, 1.60f, -0.45f }, 0.44f, 0.2f, 1.0f },
  { ORANGE, { 2.75f, 1.62f, 0.5f }, 0.46f, 0.4f, 2.0f }, { APPLE, { 3.55f, 1.58f, 0.3f }, 0.42f, -0.5f, 1.6f },
  { PEAR, { 2.0f, 1.72f, 0.55f }, 0.40f, 0.5f, 2.6f }, { LEMON, { 2.62f, 2.13f, -0.15f }, 0.33f, 0.3f, 0.6f },
  { APPLE, { 0.35f, 0.47f, -2.5f }, 0.42f, 0.25f, 0.9f }, { PEAR, { -3.55f, 0.48f, -1.6f }, 0.44f, 0.1f, 4.0f },
  { ORANGE, { 1.35f, 0.49f, -2.15f }, 0.45f, 0.9f, 2.2f }, { LEMON, { -0.75f, 0.36f, -2.95f }, 0.33f, 0.2f, 2.5f },
  { APPLE, { -4.25f, 0.44f, -0.7f }, 0.43f, -0.3f, 2.9f },
};

static void
one_fruit (const struct fruit *fruit, size_t index, vec3 p, struct hit *hit)
{
  vec3 q = (p - fruit->at) * (1 / fruit->size);
  float s = fruit->size, bound = length (q) - 2.2f, seed = (float) index;
  if (bound > 0.5f) {
    nearest (hit, bound * s, fruit->part, q, seed);
    return;
  }
  float c = cosf (fruit->lean), n = sinf (fruit->lean);
  q = turn_y (q, fruit->turn);
  q = v3 (c * q[0] - n * q[1], n * q[0] + c * q[1], q[2]);
  float r = length2 (q[0], q[2]);
  if (fruit->part == APPLE) {
    float squeeze = q[1] * (q[1] < 0 ? 1.0f : 0.93f), ribs = 1 + 0.025f * sinf (5 * atan2f (q[2], q[0])) * (q[1] < 0);
    nearest (hit, s * 0.85f * (length2 (r * ribs - 0.34f, squeeze) - 0.72f + 0.05f * q[1] * (q[1] < 0 ? -1 : 0)),
             APPLE, q, seed);
    nearest (hit, s * sd_capsule (q, v3 (0, 0.45f, 0), v3 (0.12f, 1.05f, 0.05f), 0.035f, 0.05f), STALK, q, seed);
  } else if (fruit->part == ORANGE) {
    nearest (hit, s * (length (q * v3 (1, 1.04f, 1)) - 1), ORANGE, q, seed);
  } else if (fruit->part == LEMON) {
    float body = sd_ellipsoid (q, v3 (1.3f, 1, 1));
    nearest (hit, s * 0.8f * smooth_min (body, sd_sphere (v3 (fabsf (q[0]) - 1.25f, q[1], q[2]), 0.2f), 0.5f), LEMON,
             q, seed);
  } else {
    float body = smooth_min (sd_sphere (q + v3 (0, 0.1f, 0), 1), sd_sphere (q - v3 (0.06f, 1.15f, 0), 0.5f), 0.9f);
    nearest (hit, s * body, PEAR, q, seed);
    nearest (hit, s * sd_capsule (q, v3 (0.06f, 1.5f, 0), v3 (0.25f, 2.15f, 0), 0.05f, 0.06f), STALK, q, seed);
  }
}

#define GRAPES 46
static vec3 grapes[GRAPES]; /* centres; the fourth lane is the radius */
static const vec3 grapes_at = { -1.9f, 0.55f, -2.35f };

/* Drops each grape where it touches none of those before it, in a heap that tapers to the right. */
static void
grapes_init (void)
{
  struct rng rng = { .state = 41 };
  for (int i = 0; i < GRAPES; i++)
    for (int try = 0; try < 400; try++) {
      float along = rng_next (&rng), angle = rng_next (&rng) * 2 * PI, radius = 0.19f + 0.035f * rng_next (&rng);
      float spread = (0.75f - 0.5f * along) * sqrtf (rng_next (&rng));
      vec3 at = grapes_at + v3 (-0.95f + 2.0f * along, (0.5f - 0.35f * along) * (spread * sinf (angle) + 0.1f),
                                spread * cosf (angle));
      at[1] = fmaxf (at[1], 0.1f + radius);
      bool free = true;
      for (int k = 0; k < i && free; k++) {
        vec3 gap = at - grapes[k];
        free = length (gap) > 0.92f * (radius + grapes[k][3]);
      }
      grapes[i] = at;
      grapes[i][3] = free ? radius : 0;
      if (free)
        break;
    }
}

static void
bunch (vec3 p, struct hit *hit)
{
  float bound = sd_ellipsoid (p - grapes_at, v3 (1.55f, 0.95f, 1.15f));
  if (bound > 0.3f) {
    nearest (hit, bound, GRAPE, p, 0);
    return;
  }
  for (int i = 0; i < GRAPES; i++) {
    vec3 q = p - grapes[i];
    if (grapes[i][3] > 0)
      nearest (hit, length (q) - grapes[i][3], GRAPE, q, (float) i);
  }
  nearest (hit, sd_capsule (p, grapes_at + v3 (-1.0f, 0.35f, 0.1f), grapes_at + v3 (-1.6f, 0.5f, 0.5f), 0.05f, 0.07f),
           STALK, p, 0);
}

/* ---- flowers ---- */

static struct flower {
  vec3 at, facing;     /* centre; direction of the face */
  float radius;
  bool daisy;
  vec3 across;         /* unit, in the plane of the face */
} flowers[] = {
  { { -1.35f, 5.75f, -0.55f }, { -0.25f, 0.22f, -1 }, 1.0f, false, { 0 } },
  { { -2.95f, 4.95f, -0.25f }, { -0.75f, 0.10f, -0.8f }, 0.92f, false, { 0 } },
  { { 0.15f, 4.75f, -0.75f }, { 0.45f, 0.05f, -1 }, 0.95f, false, { 0 } },
  { { -1.55f, 4.25f, -1.1f }, { -0.2f, -0.15f, -1 }, 0.85f, false, { 0 } },
  { { -2.6f, 6.45f, 0.15f }, { -0.5f, 0.55f, -0.8f }, 0.85f, false, { 0 } },
  { { 0.05f, 6.35f, 0.1f }, { 0.5f, 0.5f, -0.8f }, 0.85f, false, { 0 } },
  { { -0.55f, 3.75f, -1.25f }, { 0.3f, 0.2f, -1 }, 0.45f, true, { 0 } },
  { { -2.55f, 3.85f, -0.9f }, { -0.4f, 0.2f, -1 }, 0.45f, true, { 0 } },
  { { -3.5f, 5.95f, 0.2f }, { -0.5f, 0.4f, -0.8f }, 0.42f, true, { 0 } },
  { { 0.85f, 5.6f, -0.2f }, { 0.6f, 0.4f, -0.8f }, 0.44f, true, { 0 } },
  { { -1.15f, 7.0f, 0.1f }, { 0.0f, 0.5f, -0.9f }, 0.46f, true, { 0 } },
  { { 1.05f, 4.1f, -0.5f }, { 0.7f, 0.1f, -0.8f }, 0.42f, true, { 0 } },
};
#define FLOWERS (sizeof flowers / sizeof *flowers)
static const vec3 mouth = { -1.35f, 3.0f, 0 }; /* of the vase */

static void
one_flower (const struct flower *flower, size_t index, vec3 p, struct hit *hit)
{
  vec3 from = p - flower->at;
  float bound = length (from) - flower->radius * 1.12f;
  if (bound > 0.25f) {
    nearest (hit, bound, PETAL, from, (float) index);
    return;
  }
  float s = flower->radius, seed = (float) index;
  vec3 up = cross (flower->facing, flower->across), q = from * (1 / s);
  q = v3 (dot (q, flower->across), dot (q, flower->facing), dot (q, up)); /* y along the facing */
  float r = length2 (q[0], q[2]), heart = flower->daisy ? 0.30f : 0.42f;
  nearest (hit, s * 0.8f * sd_ellipsoid (q, v3 (heart, flower->daisy ? 0.16f : 0.13f, heart)), SEEDS, q, seed);
  int count = flower->daisy ? 15 : 17;
  float angle = atan2f (q[2], q[0]);
  for (int layer = 0; layer < 2; layer++) {
    float sector = 2 * PI / (float) count, shifted = angle + sector * 0.5f * (float) layer;
    int k = (int) roundf (shifted / sector);
    int petal = (k + 2 * count) % count + 40 * layer;
    float off = shifted - (float) k * sector + 0.16f * (hash2 (petal, (int) index) - 0.5f) * sector;
    float reach = 0.86f + 0.16f * hash2 (petal, (int) index + 50), tilt =
      0.3f * (hash2 (petal, (int) index + 90) - 0.4f);
    float along = r * cosf (off), aside = r * sinf (off);
    float lift = q[1] + 0.06f * (float) layer - tilt * (along - heart) + 0.25f * (along - heart) * (along - heart)
                 - 0.9f * aside * aside;
    float inner = heart * 0.6f, half = (reach - inner) / 2;
    vec3 in = v3 (along - inner - half, lift, aside);
    float wide = 0.13f * (1 - 0.25f * in[0] / half);
    nearest (hit, s * 0.6f * (sd_ellipsoid (in, v3 (half, 0.03f, wide)) - 0.004f), PETAL,
             v3 (along, in[0] / half, aside / wide), seed + 0.5f * hash2 (petal, 7));
  }
}

static void
stems_and_leaves (vec3 p, struct hit *hit)
{
  float bound = sd_ellipsoid (p - v3 (-1.2f, 4.4f, 0), v3 (3.6f, 2.9f, 2.1f));
  if (bound > 0.4f) {
    nearest (hit, bound, LEAF, p, 0);
    return;
  }
  for (size_t i = 0; i < FLOWERS; i++) {
    vec3 back = flowers[i].at - flowers[i].facing * (0.12f * flowers[i].radius);
    nearest (hit, sd_capsule (p, mouth - v3 (0, 1, 0), back, 0.06f, 0.055f), STALK, p, 1);
  }
  for (int i = 0; i < 13; i++) {
    float angle = (float) i * 2.4f + 0.5f, out = 0.85f + 0.85f * hash2 (i, 300);
    vec3 q = p - (mouth + v3 (out * cosf (angle), 0.25f + 2.6f * hash2 (i, 301), 0.75f * out * sinf (angle) - 0.1f));
    if (length (q) > 1.3f) {
      nearest (hit, length (q) - 1, LEAF, q, 0);
      continue;
    }
    q = turn_y (q, angle);
    float droop = q[1] + 0.35f * q[0] * q[0] - 0.12f * q[0] - 0.5f * fabsf (q[2]) * 0.5f;
    float half = 0.8f, wide = 0.42f * (1 - 0.4f * q[0] / half);
    nearest (hit, 0.55f * sd_ellipsoid (v3 (q[0], droop, q[2]), v3 (half, 0.025f, wide)), LEAF, q, (float) i);
  }
}

/* ---- vessels, cloth, room ---- */

static float
vase (vec3 q)
{
  float r = length2 (q[0], q[2]), y = clampf (q[1], 0, 3.1f);
  float profile = 0.42f + 0.72f * expf (-(y - 1.15f) * (y - 1.15f) * 1.1f) + 0.3f * smoothstep (2.4f, 3.15f, y)
    - 0.1f * smoothstep (0.5f, 0, y);
  float out = r - profile, wall = fabsf (out + 0.05f) - 0.05f;
  return 0.75f * fmaxf (y < 2.6f ? out : wall, fabsf (q[1] - 1.55f) - 1.55f);
}

static float
bowl (vec3 q)
{
  float shell = fabsf (length (q - v3 (0, 2.05f, 0)) - 1.75f) - 0.05f;
  float r = length2 (q[0], q[2]), foot = fmaxf (fabsf (r - 0.62f) - 0.07f, fabsf (q[1] - 0.2f) - 0.2f);
  return fminf (fmaxf (shell, q[1] - 1.5f), foot) - 0.02f;
}

static float
bottle (vec3 q)
{
  float r = length2 (q[0], q[2]), y = q[1];
  float profile = 0.52f - 0.37f * smoothstep (3.1f, 4.3f, y) + 0.05f * (fabsf (y - 5.35f) < 0.13f);
  return 0.7f * (fmaxf (r - profile, fabsf (y - 2.8f) - 2.8f) - 0.02f);
}

/* Height of the cloth: folds that run together behind the fruit, and a fine crumple. */
static float
cloth_height (float x, float z)
{
  float warp = 1.3f * fbm2 (x * 0.45f, z * 0.45f, 2), run = x * 0.9f + 0.55f * z + 2.2f * warp;
  float fold = powf (0.5f + 0.5f * sinf (run * 2.1f), 2.2f) * (0.25f + 0.75f * fbm2 (x * 0.5f + 7, z * 0.5f, 2));
  float calm = smoothstep (0.2f, 1.6f, length2 (x - 0.3f, z + 2.4f)) * 0.75f + 0.25f;
  return 0.045f + 0.42f * fold * calm + 0.035f * fbm2 (x * 2.1f, z * 2.1f, 2);
}

static float
cloth (vec3 p)
{
  if (p[1] > 0.9f)
    return p[1] - 0.6f;
  vec3 q = turn_y (p - v3 (0.6f, 0, -2.3f), 0.32f);
  float edge = 0.14f * (fbm2 (q[0] * 0.7f, q[2] * 0.7f, 2) - 0.5f);
  float inside = fmaxf (fabsf (q[0]) - 3.3f, fabsf (q[2]) - 2.0f) + edge;
  float sheet = fabsf (p[1] - cloth_height (p[0], p[2]) * smoothstep (0.1f, -0.5f, inside) - 0.02f) - 0.02f;
  return 0.6f * fmaxf (sheet, inside);
}

static const vec3 bowl_at = { 2.75f, 0.0f, 0.05f }, bottle_at = { 4.9f, 0, 1.9f }, vase_at = { -1.35f, 0, 0 };

static struct hit
nearest_object (vec3 p)
{
  struct hit hit = { 4, WALL, p, 0 };
  nearest (&hit, cloth (p), CLOTH, p, 0);
  float far = length (p - v3 (-1.35f, 1.6f, 0)) - 2.1f;
  nearest (&hit, far > 0.3f ? far : vase (p - vase_at), VASE, p - vase_at, 0);
  far = length (p - v3 (2.75f, 1, 0.05f)) - 2.1f;
  nearest (&hit, far > 0.3f ? far : bowl (p - bowl_at), BOWL, p - bowl_at, 0);
  far = length2 (p[0] - bottle_at[0], p[2] - bottle_at[2]) - 0.7f;
  nearest (&hit, far > 0.3f ? far : bottle (p - bottle_at), BOTTLE, p - bottle_at, 0);
  far = p[1] - 2.8f;
  if (far > 0.3f) {
    nearest (&hit, far, APPLE, p, 0);
  } else {
    for (size_t i = 0; i < sizeof fruits / sizeof *fruits; i++)
      one_fruit (&fruits[i], i, p, &hit);
    bunch (p, &hit);
  }
  far = sd_ellipsoid (p - v3 (-1.25f, 4.7f, -0.2f), v3 (4, 3.4f, 2.6f));
  if (far > 0.3f) {
    nearest (&hit, far, LEAF, p, 0);
  } else {
    for (size_t i = 0; i < FLOWERS; i++)
      one_flower (&flowers[i], i, p, &hit);
    stems_and_leaves (p, &hit);
  }
  return hit;
}

static struct hit
nearest_thing (vec3 p)
{
  struct hit hit = nearest_object (p);
  nearest (&hit, p[1], TABLE, p, 0);
  nearest (&hit, 4.2f - p[2], WALL, p, 0);
  return hit;
}

static float map (vec3 p) { return nearest_thing (p).d; }

/* What can stand between a surface and the window: not the table nor the wall, along which rays would creep. */
static float objects (vec3 p) { return nearest_object (p).d; }

#define LEFTMOST -5.2f /* beyond it the way to the window is free */

static bool
sees_window (vec3 p, vec3 dir, float far)
{
  return clear_path (objects, p, dir, 0.003f, fminf (far, (LEFTMOST - p[0]) / fminf (dir[0], -0.01f)));
}

/* ---- colours ---- */

/* Turns the normal as if the surface rose and fell with noise of the given size. */
static vec3
bump (vec3 normal, vec3 p, float amount)
{
  float e = 0.15f, here = noise3 (p);
  vec3 slope = v3 (noise3 (p + v3 (e, 0, 0)) - here, noise3 (p + v3 (0, e, 0)) - here, noise3 (p + v3 (0, 0, e))
                   - here);
  return normalize (normal - slope * (amount / e));
}

static vec3
wood (vec3 p)
{
  float board = floorf ((p[2] + 40) / 1.7f), in = fractf ((p[2] + 40) / 1.7f);
  float x = p[0] + board * 13.7f, z = p[2];
  float ring = fbm2 (x * 0.16f + 2 * fbm2 (x * 0.2f, z * 0.9f, 2), z * 2.2f, 4);
  float grain = fbm2 (x * 0.9f, z * 26, 3);
  vec3 colour = mix (v3 (0.12f, 0.052f, 0.022f), v3 (0.36f, 0.185f, 0.085f), 0.35f * grain + 0.65f * fractf (ring * 5));
  return colour * (in < 0.025f ? 0.25f : 0.8f + 0.35f * hash2 ((int) board, 3));
}

static struct surface
surface_of (const struct hit *hit, vec3 p, vec3 normal)
{
  struct surface s = { .albedo = v1 (0.5f), .normal = normal, .coat = 0, .rough = 0.1f };
  vec3 q = hit->local;
  float speck = noise3 (q * 14);
  switch (hit->part) {
  case TABLE:
    s = (struct surface) { wood (p), bump (normal, v3 (p[0] * 3, p[1], p[2] * 30), 0.02f), 0.6f, 0.16f };
    break;
  case WALL: {
    float stain = fbm2 (p[0] * 0.35f, p[1] * 0.35f, 5), brush = fbm2 (p[0] * 3.5f, p[1] * 1.6f, 4);
    s.albedo = mix (v3 (0.20f, 0.25f, 0.225f), v3 (0.32f, 0.34f, 0.27f), stain) * (0.8f + 0.4f * brush);
    s.normal = bump (normal, p * 2.2f, 0.09f);
    break;
  }
  case CLOTH: {
    vec3 t = turn_y (p - v3 (0.6f, 0, -2.3f), 0.32f);
    float stripe = fabsf (fabsf (t[2]) - 1.55f);
    s.albedo = stripe < 0.12f || fabsf (stripe - 0.22f) < 0.035f ? v3 (0.10f, 0.17f, 0.42f) : v3 (0.74f, 0.70f, 0.62f);
    s.albedo = s.albedo * (0.92f + 0.12f * sinf (t[0] * 90) * sinf (t[2] * 90));
    break;
  }
  case VASE: {
    float angle = atan2f (q[2], q[0]), vine = q[1] - 1.15f - 0.28f * sinf (angle * 3);
    float brush = 0.05f * noise3 (q * 7), leaf = fabsf (sinf (angle * 6 + 3 * vine));
    bool blue = fabsf (vine) < 0.05f + brush || (fabsf (fabsf (vine) - 0.3f) < 0.16f * leaf * leaf && leaf > 0.5f)
                || fabsf (q[1] - 2.55f) < 0.06f || fabsf (q[1] - 2.72f) < 0.025f || fabsf (q[1] - 0.22f) < 0.07f
                || fabsf (fabsf (q[1] - 1.15f) - 0.85f) < 0.03f;
    s.albedo = blue ? v3 (0.035f, 0.085f, 0.36f) * (0.7f + 0.8f * noise3 (q * 4)) : v3 (0.72f, 0.73f, 0.72f);
    s.coat = 1;
    s.rough = 0.03f;
    break;
  }
  case BOWL: {
    float drip = fbm2 (atan2f (q[2], q[0]) * 4, q[1] * 1.4f, 4);
    s.albedo = q[1] < 0.42f ? v3 (0.36f, 0.20f, 0.11f) : mix (v3 (0.02f, 0.20f, 0.24f), v3 (0.12f, 0.42f, 0.40f), drip);
    s.coat = 1;
    s.rough = 0.06f;
    break;
  }
  case BOTTLE:
    if (q[1] > 1.0f && q[1] < 2.4f && q[2] < 0.25f) {
      bool line = fabsf (q[1] - 2.2f) < 0.03f || fabsf (q[1] - 1.2f) < 0.03f
        || (fabsf (q[1] - 1.7f) < 0.16f && fractf (q[0] * 6 + noise3 (q * 5)) < 0.5f);
      s.albedo = line ? v3 (0.3f, 0.06f, 0.04f) : v3 (0.62f, 0.55f, 0.40f);
      break;
    }
    s.albedo = q[1] > 4.7f ? v3 (0.30f, 0.03f, 0.03f) : v3 (0.008f, 0.03f, 0.014f);
    s.coat = 1.6f;
    s.rough = 0.02f;
    break;
  case APPLE: {
    float angle = atan2f (q[2], q[0]), streak = fbm2 (angle * 9 + hit->seed, q[1] * 0.9f, 3);
    float ripe = smoothstep (-0.95f, 0.15f, sinf (angle + hit->seed) + 0.7f * q[1] + 1.4f * (streak - 0.35f));
    s.albedo = mix (v3 (0.58f, 0.50f, 0.09f), v3 (0.50f, 0.022f, 0.020f) * (0.6f + 0.8f * streak), ripe);
    s.albedo = mix (s.albedo, v3 (0.62f, 0.5f, 0.25f), 0.5f * smoothstep (0.80f, 0.88f, speck));
    s.coat = 0.9f;
    s.rough = 0.12f;
    break;
  }
  case ORANGE:
    s = (struct surface) { v3 (0.70f, 0.235f, 0.022f) * (0.9f + 0.2f * noise3 (q * 3)), bump (normal, q * 17, 0.30f),
                           0.8f, 0.22f };
    break;
  case LEMON:
    s = (struct surface) { v3 (0.72f, 0.52f, 0.06f) * (0.9f + 0.2f * noise3 (q * 3)), bump (normal, q * 13, 0.24f),
                           0.8f, 0.2f };
    break;
  case PEAR: {
    float blush = smoothstep (0.2f, 0.9f, fbm3 (q * 1.1f, 3) + 0.3f * q[0]);
    s.albedo = mix (v3 (0.50f, 0.50f, 0.085f), v3 (0.60f, 0.22f, 0.06f), blush)
      * (0.75f + 0.4f * smoothstep (0.25f, 0.5f, speck));
    s.coat = 0.6f;
    s.rough = 0.2f;
    break;
  }
  case GRAPE: {
    float frost = smoothstep (0.35f, 0.7f, fbm3 (p * 3.2f, 3));
    vec3 skin = mix (v3 (0.10f, 0.012f, 0.055f), v3 (0.22f, 0.02f, 0.06f), hash2 ((int) hit->seed, 4));
    s.albedo = mix (skin, v3 (0.20f, 0.20f, 0.36f), 0.55f * frost);
    s.coat = 1.1f - 0.7f * frost;
    s.rough = 0.07f + 0.2f * frost;
    break;
  }
  case STALK:
    s.albedo = hit->seed == 1 && p[1] > 2.5f ? v3 (0.10f, 0.17f, 0.04f) : v3 (0.13f, 0.075f, 0.035f);
    break;
  case LEAF: {
    float vein = fminf (fabsf (q[2]), fabsf (fractf (q[0] * 5 - fabsf (q[2]) * 4) - 0.5f) * 0.25f);
    s.albedo = mix (v3 (0.22f, 0.30f, 0.08f), v3 (0.065f, 0.145f, 0.028f), smoothstep (0, 0.025f, vein));
    s.coat = 0.4f;
    s.rough = 0.3f;
    break;
  }
  case PETAL: {
    float tone = 2 * fractf (hit->seed), streak = 0.75f + 0.25f * noise2 (q[2] * 5, q[0] * 2 + tone * 9);
    if (flowers[(int) hit->seed].daisy)
      s.albedo = v3 (0.80f, 0.78f, 0.74f) * streak;
    else
      s.albedo = mix (v3 (0.66f, 0.22f, 0.016f), v3 (0.74f, 0.44f, 0.04f),
                      clampf (q[0] * 1.2f - 0.3f + 0.4f * tone, 0, 1)) * streak;
    break;
  }
  case SEEDS: {
    float r = length2 (q[0], q[2]), spot = cells2 (q[0] * 19, q[2] * 19, NULL);
    if (flowers[(int) hit->seed].daisy)
      s.albedo = v3 (0.70f, 0.42f, 0.03f) * (1.1f - 0.7f * spot);
    else
      s.albedo = mix (v3 (0.06f, 0.045f, 0.012f), v3 (0.26f, 0.10f, 0.02f), smoothstep (0.12f, 0.4f, r))
        * (1.5f - 1.1f * spot);
    s.normal = bump (normal, q * 24, 0.5f);
    break;
  }
  }
  return s;
}

/* ---- light: the window is a rectangle on the left, in the plane x = -WINDOW_X; bars divide it into panes ---- */

#define WINDOW_X 9.0f
static const float window_y[2] = { 1.2f, 10.5f }, window_z[2] = { -8.5f, 0.6f };
static const vec3 window_light = { 5.2f, 6.0f, 7.2f }, sun_light = { 9.5f, 7.3f, 4.6f }, room =
  { 0.25f, 0.21f, 0.175f };
static vec3 sun_dir;

static bool
through_pane (vec3 p, vec3 dir)
{
  if (dir[0] >= -0.001f)
    return false;
  float t = (-WINDOW_X - p[0]) / dir[0], y = p[1] + dir[1] * t, z = p[2] + dir[2] * t;
  float u = (y - window_y[0]) / (window_y[1] - window_y[0]), v = (z - window_z[0]) / (window_z[1] - window_z[0]);
  return u > 0 && u < 1 && v > 0 && v < 1 && fabsf (fractf (u * 3) - 0.5f) < 0.455f
    && fabsf (fractf (v * 2) - 0.5f) < 0.465f;
}

/* Light straight from the window and the sun; @even: two numbers in 0..1 that say which part of the window. */
static vec3
direct (vec3 p, vec3 normal, vec3 even, struct rng *rng)
{
  vec3 sum = v1 (0), to_sun = random_in_cone (sun_dir, 0.012f, rng);
  float facing = dot (normal, to_sun);
  if (facing > 0 && through_pane (p, to_sun) && sees_window (p, to_sun, 14))
    sum += sun_light * facing;
  vec3 at = v3 (-WINDOW_X, mixf (window_y[0], window_y[1], even[0]), mixf (window_z[0], window_z[1], even[1])) - p;
  float far = length (at);
  at = at * (1 / far);
  facing = dot (normal, at) * -at[0]; /* the window faces +x */
  if (facing > 0 && sees_window (p, at, far)) {
    float area = (window_y[1] - window_y[0]) * (window_z[1] - window_z[0]);
    sum += window_light * (facing * area / (far * far * PI));
  }
  return sum;
}

static vec3
radiance (vec3 origin, vec3 dir, float pixel, struct rng *rng)
{
  vec3 light = v1 (0), carry = v1 (1);
  bool mirror = true;
  int matt = 0; /* matt surfaces met so far */
  for (int bounce = 0; bounce < 4; bounce++) {
    float t = trace (map, origin, dir, 0.002f, 40, bounce ? 0.004f : pixel);
    if (t < 0) {
      if (mirror && bounce && through_pane (origin, dir))
        light += carry * window_light;
      light += carry * room;
      break;
    }
    vec3 p = origin + dir * t, normal = normal_of (map, p, fmaxf (0.002f, 0.5f * pixel * t));
    if (dot (normal, dir) > 0)
      normal = normalize (normal - dir * (1.02f * dot (normal, dir)));
    struct hit hit = nearest_thing (p);
    struct surface s = surface_of (&hit, p, normal);
    origin = p + normal * (0.004f + pixel * t);
    float grazing = powf (1 - clampf (-dot (dir, s.normal), 0, 1), 5);
    if (s.coat > 0 && rng_next (rng) < clampf (s.coat * (0.04f + 0.6f * grazing), 0, 1)) {
      dir = random_in_cone (reflect (dir, s.normal), s.rough, rng);
      if (dot (dir, normal) < 0)
        dir = reflect (dir, normal);
      mirror = true;
      continue;
    }
    carry *= s.albedo;
    vec3 in = direct (origin, s.normal, rng_even (rng, 2 * matt), rng);
    if (hit.part == PETAL || hit.part == LEAF) /* what shines through from behind */
      in += direct (p - normal * 0.03f, -s.normal, rng_even (rng, 7), rng) * 0.45f;
    float peak = fmaxf (in[0], fmaxf (in[1], in[2]));
    light += carry * (matt && peak > 2 ? in * (2 / peak) : in); /* a chance find of a sunlit spot is noise */
    if (++matt == 2) {
      light += carry * room; /* in place of all further bounces */
      break;
    }
    dir = cosine_about (s.normal, rng_even (rng, 1));
    mirror = false;
  }
  return light;
}

static bool
setup (void)
{
  sun_dir = normalize (v3 (-0.80f, 0.50f, -0.42f));
  for (size_t i = 0; i < FLOWERS; i++) {
    flowers[i].facing = normalize (flowers[i].facing);
    flowers[i].across = normalize (cross (flowers[i].facing, v3 (0.2f, 1, 0.1f)));
  }
  grapes_init ();
  return true;
}

const struct scene still_life_scene = {
  .name = "still-life",
  .camera = { .eye = { 0.5f, 5.9f, -15.8f }, .target = { 0.40f, 3.35f, 0 }, .fov = 34.5f, .aperture = 0.09f, .focus =
              14.2f },
  .grade = { .exposure = 0.55f, .saturation = 1.05f, .bloom = 0.05f, .vignette = 0.35f, .grain = 0.010f,
             .shadows = { 0.97f, 1, 1.05f }, .highlights = { 1.04f, 1, 0.95f } },
  .samples = 36,
  .setup = setup,
  .radiance = radiance,
};
