/* SPDX-License-Identifier: Apache-2.0
 *
 * Animations; see animation.h. libvips has a sequence of pictures as a tall one that says how high a page is. */
#include "image/animation.h"

#include <math.h>

#include "base/draft.h"
#include "image/vips.h"

static bool
is_gif (const char *path)
{
  return g_str_has_suffix (path, ".gif") || g_str_has_suffix (path, ".GIF");
}

bool
animation_named (const char *path)
{
  return is_gif (path) || g_str_has_suffix (path, ".webp") || g_str_has_suffix (path, ".WEBP");
}

/* Planes 0..1 as interleaved bytes; NULL: something that is no number, or no memory. */
static uint8_t *
interleave (const struct picture *picture, const char *path, GError **error)
{
  const int64_t n = (int64_t) picture->width * picture->height;
  g_autofree uint8_t *bytes = g_try_malloc (3 * n);
  if (!bytes) {
    image_refuse (error, IMPASTO_ERROR_MEMORY, path, "no memory for an animation");
    return NULL;
  }
  for (int64_t i = 0; i < 3 * n; i++) {
    const float value = picture->rgb[i % 3 * n + i / 3];
    if (!isfinite (value)) {
      image_refuse (error, IMPASTO_ERROR_NUMERIC, path, "not written: the picture holds NaN or infinity");
      return NULL;
    }
    bytes[i] = 255 * CLAMP (value, 0, 1) + 0.5f;
  }
  return g_steal_pointer (&bytes);
}

static bool
encode (VipsImage *image, const char *path, void **data, size_t *size)
{
  return (is_gif (path) ? vips_gifsave_buffer (image, data, size, "dither", 0.0, NULL)
                        : vips_webpsave_buffer (image, data, size, "Q", 90, "effort", 2, NULL)) == 0;
}

bool
animation_save (const struct picture *frames, int height, int delay, const char *path, GError **error)
{
  const int n = frames->height / height;
  g_autofree int *delays = g_new (int, n);
  g_autofree uint8_t *bytes = image_start (false, path, error) ? interleave (frames, path, error) : NULL;
  if (!bytes)
    return false;
  vips_error_clear ();
  g_autoptr (vips_image) image = vips_image_new_from_memory (bytes, 3 * (size_t) frames->width * frames->height,
                                                             frames->width, frames->height, 3, VIPS_FORMAT_UCHAR);
  void *data = NULL;
  size_t size = 0;
  if (image) {
    for (int i = 0; i < n; i++)
      delays[i] = delay;
    image->Type = VIPS_INTERPRETATION_sRGB;
    vips_image_set_int (image, VIPS_META_PAGE_HEIGHT, height);
    vips_image_set_array_int (image, "delay", delays, n);
    vips_image_set_int (image, "loop", 0);
  }
  if (!image || !encode (image, path, &data, &size)) {
    image_failed (error, IMPASTO_ERROR_OUTPUT, path, "cannot write");
    return false;
  }
  g_autoptr (draft) draft = draft_new (path, error);
  const bool written = draft && draft_write (draft, data, size, error) && draft_commit (draft, error);
  g_free (data);
  return written;
}
