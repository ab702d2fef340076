/* SPDX-License-Identifier: Apache-2.0
 *
 * SVG as a picture. libvips is kept from loaders that are not made for files of strangers; this one is let through. */
#include "image/svg.h"

#include "image/vips.h"

static bool
take_strip (VipsRegion *region, const VipsRect *rows, void *data)
{
  struct picture *picture = data;
  const int64_t size = (int64_t) picture->width * picture->height;
  for (int y = rows->top; y < VIPS_RECT_BOTTOM (rows); y++) {
    const uint8_t *in = VIPS_REGION_ADDR (region, 0, y);
    for (int x = 0; x < rows->width; x++, in += 4)
      for (int c = 0; c < 3; c++) /* over white */
        picture->rgb[c * size + (int64_t) y * picture->width + x] = (in[c] * in[3] + 255 * (255 - in[3])) / 65025.0f;
  }
  return true;
}

static void *
allow_svg (void *unused)
{
  vips_operation_block_set ("VipsForeignLoadSvg", FALSE);
  return GINT_TO_POINTER (vips_type_find ("VipsOperation", "svgload_buffer") != 0);
}

struct picture *
picture_from_svg (const char *svg, GError **error)
{
  static GOnce once = G_ONCE_INIT;
  g_autoptr (vips_image) image = NULL;
  if (!image_start (false, "the drawing", error))
    return NULL;
  vips_error_clear ();
  if (!g_once (&once, allow_svg, NULL)) {
    image_refuse (error, IMPASTO_ERROR_INPUT, "the drawing", "libvips is without librsvg here");
    return NULL;
  }
  if (vips_svgload_buffer ((void *) svg, strlen (svg), &image, NULL) != 0 || image->Bands != 4) {
    image_failed (error, IMPASTO_ERROR_INPUT, "the drawing", "cannot be drawn");
    return NULL;
  }
  g_autoptr (picture) picture = picture_new (image->Xsize, image->Ysize, false, error);
  if (!picture)
    return NULL;
  if (image_read (image, take_strip, picture))
    return g_steal_pointer (&picture);
  image_failed (error, IMPASTO_ERROR_INPUT, "the drawing", "cannot be drawn");
  return NULL;
}
