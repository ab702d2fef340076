/* SPDX-License-Identifier: Apache-2.0
 *
 * A small renderer for the example photographs: every picture under examples/ is computed, so that all of it is ours.
 * A scene is one file that ends in a `const struct scene`: a camera, a grade, and a function that says what light
 * comes back along a ray. This header holds what the scenes share: vectors, random numbers, noise, signed distances,
 * sphere tracing, sky and clouds. Units are metres, light is linear and unbounded until the grade.
 * Further reading: I. Quilez, "distance functions" and "ray marching"; J. C. Hart, "Sphere tracing" (1996). */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#define PI 3.14159265f

/* ---- vectors: x, y (up), z and an unused fourth lane, so that + - * work as in the formulas ---- */

typedef float vec3 __attribute__ ((vector_size (16)));

static inline vec3 v3 (float x, float y, float z) { return (vec3) { x, y, z, 0 }; }
static inline vec3 v1 (float s) { return (vec3) { s, s, s, 0 }; }
static inline float dot (vec3 a, vec3 b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
static inline float length (vec3 a) { return sqrtf (dot (a, a)); }
static inline float length2 (float x, float y) { return sqrtf (x * x + y * y); }
static inline vec3 normalize (vec3 a) { return a * (1 / length (a)); }
static inline vec3 reflect (vec3 d, vec3 n) { return d - n * (2 * dot (d, n)); }
static inline float clampf (float x, float lo, float hi) { return x < lo ? lo : x > hi ? hi : x; }
static inline float mixf (float a, float b, float t) { return a + (b - a) * t; }
static inline vec3 mix (vec3 a, vec3 b, float t) { return a + (b - a) * t; }
static inline float fractf (float x) { return x - floorf (x); }

static inline vec3
cross (vec3 a, vec3 b)
{
  return v3 (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]);
}

static inline float
smoothstep (float lo, float hi, float x)
{
  float t = clampf ((x - lo) / (hi - lo), 0, 1);
  return t * t * (3 - 2 * t);
}

/* Turns @p about the vertical axis. */
static inline vec3
turn_y (vec3 p, float angle)
{
  float c = cosf (angle), s = sinf (angle);
  return v3 (c * p[0] - s * p[2], p[1], s * p[0] + c * p[2]);
}

/* ---- random numbers and noise; all of it a function of its arguments ---- */

struct rng {
  uint32_t state;
  uint32_t pixel, sample; /* where we are, for rng_even */
};

uint32_t hash_u32 (uint32_t x);

/* Uniform in [0, 1) from up to two integers, for a house, a tree, a petal. */
static inline float
hash2 (int a, int b)
{
  return (hash_u32 ((uint32_t) a * 0x9e3779b9u + (uint32_t) b * 0x85ebca6bu + 1) >> 8) * (1 / 16777216.0f);
}

/* Uniform in [0, 1): a PCG step. */
static inline float
rng_next (struct rng *rng)
{
  rng->state = rng->state * 747796405u + 2891336453u;
  uint32_t w = ((rng->state >> ((rng->state >> 28) + 4)) ^ rng->state) * 277803737u;
  return (((w >> 22) ^ w) >> 8) * (1 / 16777216.0f);
}

float noise2 (float x, float y);                /* value noise, 0..1 */
float noise3 (vec3 p);                          /* value noise, 0..1 */
float fbm2 (float x, float y, int octaves);     /* sum of halving octaves, 0..1 */
float fbm3 (vec3 p, int octaves);               /* likewise */
float billow3 (vec3 p, int octaves);            /* octaves of |noise|: round lumps with creases, 0..1 */
float cells2 (float x, float y, float *id);     /* distance to the nearest of jittered points; @id in 0..1 or NULL */

vec3 random_in_cone (vec3 axis, float radius, struct rng *rng);  /* unit vector near @axis: the disc of a sun */
vec3 cosine_about (vec3 normal, vec3 even);     /* unit vector, density cos / pi, from two uniform numbers */

/* Two numbers in [0, 1) that cover the square evenly over the samples of a pixel: Roberts' R2 sequence, shifted by
 * pixel and @use. Far less noise than chance where few samples must do. */
vec3 rng_even (const struct rng *rng, int use);

/* ---- signed distances: negative inside ---- */

static inline float sd_sphere (vec3 p, float r) { return length (p) - r; }

static inline float
sd_box (vec3 p, vec3 half)
{
  float x = fabsf (p[0]) - half[0], y = fabsf (p[1]) - half[1], z = fabsf (p[2]) - half[2];
  vec3 out = v3 (fmaxf (x, 0), fmaxf (y, 0), fmaxf (z, 0));
  return length (out) + fminf (fmaxf (x, fmaxf (y, z)), 0);
}

/* A bound rather than the exact distance; good when no axis is more than a few times another. */
static inline float
sd_ellipsoid (vec3 p, vec3 r)
{
  float k0 = length (p / (r + (vec3) { 0, 0, 0, 1 }));
  float k1 = length (p / (r * r + (vec3) { 0, 0, 0, 1 }));
  return k1 > 0 ? k0 * (k0 - 1) / k1 : -r[0];
}

static inline float
sd_capsule (vec3 p, vec3 a, vec3 b, float ra, float rb)
{
  vec3 pa = p - a, ba = b - a;
  float h = clampf (dot (pa, ba) / dot (ba, ba), 0, 1);
  return length (pa - ba * h) - mixf (ra, rb, h);
}

/* A cone about y from radius @r0 at height 0 to @r1 at height @h. */
static inline float
sd_cone (vec3 p, float h, float r0, float r1)
{
  float slope = (r0 - r1) / h, radius = r0 - slope * p[1];
  float side = (length2 (p[0], p[2]) - radius) / sqrtf (1 + slope * slope);
  return fmaxf (side, fmaxf (-p[1], p[1] - h));
}

/* Minimum with a fillet of about @k. */
static inline float
smooth_min (float a, float b, float k)
{
  float h = fmaxf (k - fabsf (a - b), 0) / k;
  return fminf (a, b) - h * h * k * 0.25f;
}

typedef float (*distance_fn) (vec3 p);

/* Walks from @near to @far along the ray until the surface is nearer than @pixel (the width of a pixel at distance
 * 1) times the distance. Returns the distance, or -1 for no hit. */
float trace (distance_fn map, vec3 origin, vec3 dir, float near, float far, float pixel);

/* True when nothing stands between @origin and @far along @dir. */
bool clear_path (distance_fn map, vec3 origin, vec3 dir, float near, float far);

vec3 normal_of (distance_fn map, vec3 p, float step);

/* How open the hemisphere above @p is, 0..1, from five distances along the normal up to @reach. */
float openness (distance_fn map, vec3 p, vec3 normal, float reach);

/* ---- sky ---- */

struct sky {
  vec3 sun_dir;               /* unit, towards the sun (or moon) */
  vec3 sun;                   /* its light on a surface that faces it */
  vec3 zenith, horizon, glow; /* colours; glow gathers round the sun */
  float cloud_base, cloud_top, cloud_scale, cloud_cover, cloud_density; /* metres, metres, 1/metres, 0..1, 1/metres */
  vec3 cloud_shadow;          /* ambient light inside the clouds */
  vec3 cloud_offset;          /* where in the noise the picture looks: chosen by eye */
};

/* The clear sky without clouds. */
vec3 sky_clear (const struct sky *sky, vec3 dir);

/* The sky with clouds, marched with @steps; dithered by @rng. */
vec3 sky_clouds (const struct sky *sky, vec3 origin, vec3 dir, int steps, struct rng *rng);

/* Light that a matt surface sends back out of doors: sun with a soft-edged shadow, the dome of the sky as far as it is
 * open within @reach, and light thrown up by the sunlit ground. */
vec3 daylight (distance_fn map, const struct sky *sky, vec3 p, vec3 normal, vec3 albedo, float reach, struct rng *rng);

/* ---- scenes ---- */

struct camera {
  vec3 eye, target;
  float fov;                  /* vertical, degrees */
  float aperture, focus;      /* lens radius and distance in focus; 0 = pinhole */
};

struct grade {
  float exposure;             /* factor before the tone curve */
  float saturation;           /* 1 = as rendered */
  float bloom;                /* part of the light that spreads in the lens */
  float vignette, grain;      /* darkening of the corners; standard deviation of the grain, 0..1 scale */
  vec3 shadows, highlights;   /* colour factors of dark and bright parts */
};

struct scene {
  const char *name;
  struct camera camera;
  struct grade grade;
  int samples;                /* per pixel at full quality */
  bool (*setup) (void);       /* makes tables, once; false: out of memory. NULL: nothing to do */
  vec3 (*radiance) (vec3 origin, vec3 dir, float pixel, struct rng *rng);
};

extern const struct scene harbour_scene;
extern const struct scene valley_scene;
extern const struct scene still_life_scene;
extern const struct scene village_scene;
