/* SPDX-License-Identifier: Apache-2.0
 *
 * render SCENE [WIDTH [SAMPLES]]: writes the picture, 4:3, as a binary PPM to standard output. Each pixel draws its own
 * random numbers from its place, so the picture does not depend on the number of threads. */
#include "render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct scene *const scenes[] = { &harbour_scene, &valley_scene, &still_life_scene, &village_scene };

static vec3
render_pixel (const struct scene *scene, int x, int y, int w, int h, int samples)
{
  const struct camera *camera = &scene->camera;
  vec3 forward = normalize (camera->target - camera->eye);
  vec3 right = normalize (cross (v3 (0, 1, 0), forward)), up = cross (forward, right);
  float scale = 2 * tanf (camera->fov * PI / 360) / (float) h;
  uint32_t place = (uint32_t) (y * w + x);
  struct rng rng = { .state = hash_u32 (place ^ hash_u32 ((uint32_t) w)), .pixel = place };
  int side = (int) sqrtf ((float) samples);
  vec3 sum = v1 (0);
  for (int s = 0; s < side * side; s++) {
    rng.sample = (uint32_t) s;
    float jx = ((float) (s % side) + rng_next (&rng)) / (float) side;
    float jy = ((float) (s / side) + rng_next (&rng)) / (float) side;
    float px = ((float) x + jx - 0.5f * (float) w) * scale, py = (0.5f * (float) h - (float) y - jy) * scale;
    vec3 dir = forward + right * px + up * py, origin = camera->eye;
    if (camera->aperture > 0) {
      float r = camera->aperture * sqrtf (rng_next (&rng)), phi = 2 * PI * rng_next (&rng);
      vec3 lens = right * (r * cosf (phi)) + up * (r * sinf (phi));
      origin += lens;
      dir = dir * camera->focus - lens;
    }
    vec3 light = scene->radiance (origin, normalize (dir), scale, &rng);
    /* One bright sample must not outshine the rest of its pixel. */
    float peak = fmaxf (light[0], fmaxf (light[1], light[2]));
    sum += peak > 12 ? light * (12 / peak) : light;
  }
  return sum * (1.0f / (float) (side * side));
}

static float luminance (vec3 light) { return dot (light, v3 (0.2126f, 0.7152f, 0.0722f)); }

/* Takes down single pixels that outshine all their neighbours: paths that found a lamp by chance. */
static void
despeckle (const vec3 *from, vec3 *to, int w, int h)
{
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) {
      float first = 0, second = 0;
      for (int k = 0; k < 9; k++) {
        int nx = x + k % 3 - 1, ny = y + k / 3 - 1;
        if (k == 4 || nx < 0 || ny < 0 || nx >= w || ny >= h)
          continue;
        float light = luminance (from[(size_t) ny * (size_t) w + (size_t) nx]);
        second = fmaxf (second, fminf (first, light));
        first = fmaxf (first, light);
      }
      size_t at = (size_t) y * (size_t) w + (size_t) x;
      float light = luminance (from[at]), limit = 1.15f * second + 0.002f;
      to[at] = light > limit ? from[at] * (limit / light) : from[at];
    }
}

/* One axis of a blur of radius @r, three box passes make it nearly Gaussian. */
static void
blur_lines (vec3 *pixels, vec3 *line, int count, int lines, int step, int stride, int r)
{
  for (int l = 0; l < lines; l++) {
    vec3 *p = pixels + (size_t) l * (size_t) stride, sum = v1 (0);
    for (int i = -r; i < count; i++) {
      if (i + r < count)
        sum += p[(size_t) (i + r) * (size_t) step];
      if (i - r - 1 >= 0)
        sum -= line[i - r - 1];
      if (i >= 0) {
        line[i] = p[(size_t) i * (size_t) step];
        p[(size_t) i * (size_t) step] = sum * (1.0f / (float) (2 * r + 1));
      }
    }
  }
}

/* What happens to the light before the film: specks go, bloom spreads. */
static bool
lens (vec3 *pixels, int w, int h, float amount)
{
  size_t count = (size_t) w * (size_t) h;
  vec3 *glow = aligned_alloc (sizeof (vec3), count * sizeof (vec3));
  vec3 *line = aligned_alloc (sizeof (vec3), (size_t) (w + h) * sizeof (vec3));
  if (!glow || !line) {
    free (glow);
    free (line);
    return false;
  }
  despeckle (pixels, glow, w, h);
  memcpy (pixels, glow, count * sizeof (vec3));
  for (int pass = 0; pass < 3; pass++) {
    blur_lines (glow, line, w, h, 1, w, w / 60);
    blur_lines (glow, line, h, w, w, 1, w / 60);
  }
  for (size_t i = 0; i < count; i++)
    pixels[i] = mix (pixels[i], glow[i], amount);
  free (glow);
  free (line);
  return true;
}

/* The tone curve of ACES as fitted by K. Narkowicz (2015). */
static float
film (float x)
{
  x = fmaxf (x, 0) * 0.8f;
  return clampf (x * (2.51f * x + 0.03f) / (x * (2.43f * x + 0.59f) + 0.14f), 0, 1);
}

static void
develop (const struct grade *grade, vec3 light, int x, int y, int w, int h, uint8_t out[3])
{
  float u = ((float) x + 0.5f) / (float) w - 0.5f, v = ((float) y + 0.5f) / (float) h - 0.5f;
  float corner = 1 - grade->vignette * smoothstep (0.08f, 0.55f, u * u + v * v);
  light = light * (grade->exposure * corner);
  float grey = luminance (light);
  light = mix (v1 (grey), light, grade->saturation);
  light = light * mix (grade->shadows, grade->highlights, grey / (grey + 0.35f));
  struct rng rng = { .state = hash_u32 ((uint32_t) (y * w + x) + 0x51u) };
  float grain = (rng_next (&rng) + rng_next (&rng) + rng_next (&rng) - 1.5f) * 2 * grade->grain;
  for (int c = 0; c < 3; c++) {
    float value = powf (film (light[c]), 1 / 2.2f);
    value += grain * (0.35f + value * (1 - value) * 2.6f);
    out[c] = (uint8_t) (clampf (value, 0, 1) * 255 + rng_next (&rng) * 0.999f);
  }
}

int
main (int argc, char **argv)
{
  const struct scene *scene = NULL;
  for (size_t i = 0; argc > 1 && i < sizeof scenes / sizeof *scenes; i++)
    if (strcmp (argv[1], scenes[i]->name) == 0)
      scene = scenes[i];
  int w = argc > 2 ? atoi (argv[2]) : 1024;
  int samples = argc > 3 ? atoi (argv[3]) : scene ? scene->samples : 1;
  if (!scene || w < 16 || w > 8192 || samples < 1) {
    fprintf (stderr, "usage: render SCENE [WIDTH 16..8192 [SAMPLES]] >picture.ppm\nscenes:");
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
      fprintf (stderr, " %s", scenes[i]->name);
    fprintf (stderr, "\n");
    return 2;
  }
  int h = w * 3 / 4;
  vec3 *pixels = aligned_alloc (sizeof (vec3), (size_t) w * (size_t) h * sizeof (vec3));
  uint8_t *bytes = malloc ((size_t) w * (size_t) h * 3);
  bool good = pixels && bytes && (!scene->setup || scene->setup ());
  if (good) {
#pragma omp parallel for schedule(dynamic, 4)
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++)
        pixels[(size_t) y * (size_t) w + (size_t) x] = render_pixel (scene, x, y, w, h, samples);
    good = lens (pixels, w, h, scene->grade.bloom);
  }
  if (good) {
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++) {
        size_t at = (size_t) y * (size_t) w + (size_t) x;
        develop (&scene->grade, pixels[at], x, y, w, h, bytes + 3 * at);
      }
    printf ("P6\n%d %d\n255\n", w, h);
    good = fwrite (bytes, 3, (size_t) w * (size_t) h, stdout) == (size_t) w * (size_t) h && fflush (stdout) == 0;
  }
  if (!good)
    fprintf (stderr, "render: %s: out of memory, or the picture could not be written\n", scene->name);
  free (pixels);
  free (bytes);
  return good ? 0 : 1;
}
