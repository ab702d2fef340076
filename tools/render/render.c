/* SPDX-License-Identifier: Apache-2.0
 *
 * What the scenes share: noise, sphere tracing, sky and clouds. See render.h. */
#include "render.h"

uint32_t
hash_u32 (uint32_t x)
{
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  return x ^ (x >> 16);
}

/* Lattice values by iterated table look-up, the way of Perlin's permutation: 1 KiB stays in the nearest cache. */
static uint8_t permutation[512];
static float lattice[256];

__attribute__ ((constructor)) static void
noise_init (void)
{
  for (int i = 0; i < 256; i++) {
    permutation[i] = (uint8_t) i;
    lattice[i] = (float) i / 255;
  }
  for (int i = 255; i > 0; i--) {
    int j = (int) (hash_u32 ((uint32_t) i + 77) % (uint32_t) (i + 1));
    uint8_t swap = permutation[i];
    permutation[i] = permutation[j];
    permutation[j] = swap;
  }
  for (int i = 0; i < 256; i++)
    permutation[i + 256] = permutation[i];
}

static inline float ease (float t) { return t * t * t * (t * (t * 6 - 15) + 10); }

float
noise2 (float x, float y)
{
  float fx = floorf (x), fy = floorf (y);
  int ix = (int) fx & 255, iy = (int) fy & 255;
  float u = ease (x - fx), v = ease (y - fy);
  int a = permutation[ix] + iy, b = permutation[ix + 1] + iy;
  return mixf (mixf (lattice[permutation[a]], lattice[permutation[b]], u),
               mixf (lattice[permutation[(a + 1) & 511]], lattice[permutation[(b + 1) & 511]], u), v);
}

float
noise3 (vec3 p)
{
  float fx = floorf (p[0]), fy = floorf (p[1]), fz = floorf (p[2]);
  int ix = (int) fx & 255, iy = (int) fy & 255, iz = (int) fz & 255;
  float u = ease (p[0] - fx), v = ease (p[1] - fy), w = ease (p[2] - fz);
  int a = permutation[ix] + iy, b = permutation[ix + 1] + iy;
  int aa = permutation[a] + iz, ab = permutation[(a + 1) & 511] + iz;
  int ba = permutation[b] + iz, bb = permutation[(b + 1) & 511] + iz;
  float low = mixf (mixf (lattice[permutation[aa]], lattice[permutation[ba]], u),
                    mixf (lattice[permutation[ab]], lattice[permutation[bb]], u), v);
  float high = mixf (mixf (lattice[permutation[(aa + 1) & 511]], lattice[permutation[(ba + 1) & 511]], u),
                     mixf (lattice[permutation[(ab + 1) & 511]], lattice[permutation[(bb + 1) & 511]], u), v);
  return mixf (low, high, w);
}

/* Each octave is turned, so that the lattices do not line up. */
float
fbm2 (float x, float y, int octaves)
{
  float sum = 0, weight = 0.5f, total = 0;
  for (int i = 0; i < octaves; i++) {
    sum += weight * noise2 (x, y);
    total += weight;
    weight *= 0.5f;
    float turned = 1.6f * x - 1.2f * y + 17.3f;
    y = 1.2f * x + 1.6f * y + 9.1f;
    x = turned;
  }
  return sum / total;
}

static inline vec3
turn_octave (vec3 p)
{
  return v3 (1.6f * p[1] + 1.2f * p[2] + 3.7f, -1.6f * p[0] + 0.72f * p[1] - 0.96f * p[2] + 11.9f,
             -1.2f * p[0] - 0.96f * p[1] + 1.28f * p[2] + 5.3f);
}

float
fbm3 (vec3 p, int octaves)
{
  float sum = 0, weight = 0.5f, total = 0;
  for (int i = 0; i < octaves; i++) {
    sum += weight * noise3 (p);
    total += weight;
    weight *= 0.5f;
    p = turn_octave (p);
  }
  return sum / total;
}

float
billow3 (vec3 p, int octaves)
{
  float sum = 0, weight = 0.5f, total = 0;
  for (int i = 0; i < octaves; i++) {
    sum += weight * fabsf (2 * noise3 (p) - 1);
    total += weight;
    weight *= 0.5f;
    p = turn_octave (p);
  }
  return sum / total;
}

float
cells2 (float x, float y, float *id)
{
  float fx = floorf (x), fy = floorf (y), best = 9;
  for (int j = -1; j <= 1; j++)
    for (int i = -1; i <= 1; i++) {
      int cx = (int) fx + i, cy = (int) fy + j;
      float dx = (float) cx + hash2 (cx, cy) - x, dy = (float) cy + hash2 (cx + 71, cy) - y;
      float d = dx * dx + dy * dy;
      if (d < best) {
        best = d;
        if (id)
          *id = hash2 (cx, cy + 913);
      }
    }
  return sqrtf (best);
}

/* An orthonormal frame about @n (Duff et al. 2017). */
static void
frame (vec3 n, vec3 *s, vec3 *t)
{
  float sign = n[2] < 0 ? -1 : 1, a = -1 / (sign + n[2]), b = n[0] * n[1] * a;
  *s = v3 (1 + sign * n[0] * n[0] * a, sign * b, -sign * n[0]);
  *t = v3 (b, sign + n[1] * n[1] * a, -n[1]);
}

vec3
random_in_cone (vec3 axis, float radius, struct rng *rng)
{
  vec3 s, t;
  frame (axis, &s, &t);
  float r = radius * sqrtf (rng_next (rng)), phi = 2 * PI * rng_next (rng);
  return normalize (axis + s * (r * cosf (phi)) + t * (r * sinf (phi)));
}

vec3
cosine_about (vec3 normal, vec3 even)
{
  vec3 s, t;
  frame (normal, &s, &t);
  float r = sqrtf (even[0]), phi = 2 * PI * even[1];
  return normalize (s * (r * cosf (phi)) + t * (r * sinf (phi)) + normal * sqrtf (1 - even[0]));
}

vec3
rng_even (const struct rng *rng, int use)
{
  uint32_t shift = hash_u32 (rng->pixel * 8 + (uint32_t) use), turn = hash_u32 (shift);
  return v3 ((float) ((shift + rng->sample * 3242174889u) >> 8) * (1 / 16777216.0f),
             (float) ((turn + rng->sample * 2447445414u) >> 8) * (1 / 16777216.0f), 0);
}

float
trace (distance_fn map, vec3 origin, vec3 dir, float near, float far, float pixel)
{
  float t = near, before = near;
  for (int i = 0; i < 400 && t < far; i++) {
    float d = map (origin + dir * t), close = 0.4f * pixel * t + 0.0002f;
    if (d < -close) { /* where the map is only a bound the step went through the surface: halve the way back */
      for (int k = 0; k < 8; k++) {
        float middle = 0.5f * (before + t);
        if (map (origin + dir * middle) < 0)
          t = middle;
        else
          before = middle;
      }
      return before;
    }
    if (d < close)
      return t;
    before = t;
    t += d * 0.9f;
  }
  return t < far ? t : -1;
}

bool
clear_path (distance_fn map, vec3 origin, vec3 dir, float near, float far)
{
  float t = near;
  for (int i = 0; i < 96 && t < far; i++) {
    float d = map (origin + dir * t);
    if (d < 0.0005f * t)
      return false;
    t += fmaxf (d, 0.002f * t);
  }
  return true;
}

/* Central differences at the corners of a tetrahedron: four samples. */
vec3
normal_of (distance_fn map, vec3 p, float step)
{
  static const float k[4][3] = { { 1, -1, -1 }, { -1, -1, 1 }, { -1, 1, -1 }, { 1, 1, 1 } };
  vec3 n = v1 (0);
  for (int i = 0; i < 4; i++) {
    vec3 e = v3 (k[i][0], k[i][1], k[i][2]);
    n += e * map (p + e * step);
  }
  return dot (n, n) > 0 ? normalize (n) : v3 (0, 1, 0);
}

float
openness (distance_fn map, vec3 p, vec3 normal, float reach)
{
  float shut = 0, weight = 0.5f;
  for (int i = 1; i <= 5; i++) {
    float h = reach * (float) (i * i) / 25;
    shut += weight * fmaxf (h - map (p + normal * h), 0) / h;
    weight *= 0.75f;
  }
  return clampf (1 - shut * 0.75f, 0, 1);
}

vec3
sky_clear (const struct sky *sky, vec3 dir)
{
  float up = fmaxf (dir[1], 0), near_sun = fmaxf (dot (dir, sky->sun_dir), 0);
  vec3 colour = mix (sky->horizon, sky->zenith, 1 - expf (-up * 3.2f));
  float low = expf (-up * 4);
  return colour + sky->glow * (0.25f * near_sun * near_sun * low + 0.5f * powf (near_sun, 24) + powf (near_sun, 400));
}

/* Cumulus: lumps of billow noise, gathered by a wide field, flat below and rounded above. Per metre. */
static float
cloud_density (const struct sky *sky, vec3 p, int octaves)
{
  float h = (p[1] - sky->cloud_base) / (sky->cloud_top - sky->cloud_base);
  if (h <= 0 || h >= 1)
    return 0;
  vec3 q = (p + sky->cloud_offset) * sky->cloud_scale;
  float field = fbm2 (q[0] * 0.6f, q[2] * 0.6f, 3);
  float body = (field - (1 - sky->cloud_cover)) * 3.2f;
  float profile = smoothstep (0, 0.12f, h) - 1.25f * h * h;
  float d = body + profile - 0.75f;
  if (d < -0.75f)
    return 0;
  d += 1.5f * (billow3 (q * 2.6f, octaves) - 0.32f);
  return clampf (d * 2.5f, 0, 1) * sky->cloud_density;
}

vec3
sky_clouds (const struct sky *sky, vec3 origin, vec3 dir, int steps, struct rng *rng)
{
  vec3 clear = sky_clear (sky, dir);
  if (dir[1] < 0.015f)
    return clear;
  float t0 = (sky->cloud_base - origin[1]) / dir[1], t1 = (sky->cloud_top - origin[1]) / dir[1];
  t1 = fminf (t1, t0 + 9 * (sky->cloud_top - sky->cloud_base));
  float dt = (t1 - t0) / (float) steps, t = t0 + dt * rng_next (rng);
  float toward = dot (dir, sky->sun_dir), through = 1, depth = t0;
  /* Two lobes of scattering: the silver lining and a broad one. */
  float phase = 0.75f + 0.9f * powf (fmaxf (toward, 0), 8);
  vec3 light = v1 (0);
  bool seen = false;
  for (int i = 0; i < steps && through > 0.02f; i++, t += dt) {
    vec3 p = origin + dir * t;
    float density = cloud_density (sky, p, 5);
    if (density <= 0)
      continue;
    if (!seen)
      depth = t;
    seen = true;
    float h = (p[1] - sky->cloud_base) / (sky->cloud_top - sky->cloud_base), shade = 0;
    float reach = 0.045f * (sky->cloud_top - sky->cloud_base);
    for (int k = 0; k < 4; k++, reach *= 1.9f)
      shade += reach * cloud_density (sky, p + sky->sun_dir * (reach * 1.4f), 3);
    /* Beer's law with a slower tail in place of multiple scattering. */
    float lit = 0.7f * expf (-shade) + 0.3f * expf (-0.25f * shade);
    vec3 in = sky->sun * (lit * phase * 0.32f) + sky->cloud_shadow * (0.55f + 0.45f * h);
    float kept = expf (-density * dt);
    light += in * (through * (1 - kept));
    through *= kept;
  }
  /* Far clouds sink into the haze of the horizon. */
  float haze = seen ? 1 - expf (-depth * 0.00006f) : 0;
  vec3 result = light + clear * through;
  return mix (result, clear, haze);
}

vec3
daylight (distance_fn map, const struct sky *sky, vec3 p, vec3 normal, vec3 albedo, float reach, struct rng *rng)
{
  vec3 to_sun = random_in_cone (sky->sun_dir, 0.012f, rng);
  float facing = fmaxf (dot (normal, to_sun), 0);
  if (facing > 0 && !clear_path (map, p, to_sun, reach * 0.004f, 120))
    facing = 0;
  float open = openness (map, p, normal, reach), up = 0.5f + 0.5f * normal[1];
  vec3 dome = mix (sky->horizon, sky->zenith, 0.3f + 0.4f * up);
  vec3 ground = sky->sun * (0.09f * fmaxf (sky->sun_dir[1], 0.15f)) + dome * 0.12f;
  return albedo * (sky->sun * facing + mix (ground, dome, up) * open);
}
