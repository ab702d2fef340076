/* SPDX-License-Identifier: Apache-2.0
 *
 * Pixels in memory: scaling through libvips (box shrink, then Lanczos), everything else as index maps over planes. */
#include <math.h>
#include <string.h>

#include "image/pixels.h"
#include "image/vips.h"

struct turn
turn_of (int orientation, int width, int height)
{
  const int64_t w = width, h = height;
  switch (orientation) {
  case 2: return (struct turn){width, height, w - 1, -1, w};
  case 3: return (struct turn){width, height, h * w - 1, -1, -w};
  case 4: return (struct turn){width, height, (h - 1) * w, 1, -w};
  case 5: return (struct turn){height, width, 0, h, 1};
  case 6: return (struct turn){height, width, h - 1, h, -1};
  case 7: return (struct turn){height, width, w * h - 1, -h, -1};
  case 8: return (struct turn){height, width, (w - 1) * h, -h, 1};
  default: return (struct turn){width, height, 0, 1, w};
  }
}

/* Asked while something is scaled; NULL: nobody. */
struct waiting {
  bool (*go_on) (void *data);
  void *data;
  bool stopped;
};

struct plane {
  float *out;
  int width;
  struct waiting *waiting;
};

static bool
take_plane (VipsRegion *region, const VipsRect *rows, void *data)
{
  const struct plane *plane = data;
  struct waiting *waiting = plane->waiting;
  for (int y = rows->top; y < VIPS_RECT_BOTTOM (rows); y++)
    memcpy (plane->out + (int64_t) y * plane->width, VIPS_REGION_ADDR (region, 0, y), plane->width * sizeof (float));
  if (waiting)
    waiting->stopped = !waiting->go_on (waiting->data);
  return !waiting || !waiting->stopped;
}

static bool
plane_resize (const float *in, int height, int width, float *out, int out_height, int out_width,
              struct waiting *waiting)
{
  g_autoptr (vips_image) source =
    vips_image_new_from_memory (in, (size_t) width * height * sizeof (float), width, height, 1, VIPS_FORMAT_FLOAT);
  g_autoptr (vips_image) scaled = NULL;
  return source && image_scale (source, &scaled, out_width, out_height) == 0 &&
         image_read (scaled, take_plane, &(struct plane){out, out_width, waiting});
}

static bool
resize_planes (const float *in, int channels, int height, int width, float *out, int out_height, int out_width,
               struct waiting *waiting, GError **error)
{
  if (!image_start (false, "picture", error))
    return false;
  vips_error_clear ();
  for (int c = 0; c < channels; c++)
    if (!plane_resize (in + (int64_t) c * height * width, height, width, out + (int64_t) c * out_height * out_width,
                       out_height, out_width, waiting)) {
      g_autofree char *what = g_strdup_printf ("cannot scale %d x %d to %d x %d", width, height, out_width, out_height);
      if (waiting && waiting->stopped)
        g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_CANCELLED, "stopped while scaling");
      else
        image_failed (error, IMPASTO_ERROR_MEMORY, "picture", what);
      return false;
    }
  return true;
}

bool
planes_resize (const float *in, int channels, int height, int width, float *out, int out_height, int out_width,
               GError **error)
{
  return resize_planes (in, channels, height, width, out, out_height, out_width, NULL, error);
}

/* A picture of another size that will be saved like @picture. */
static struct picture *
new_like (const struct picture *picture, int width, int height, GError **error)
{
  struct picture *out = picture_new (width, height, picture->alpha != NULL, error);
  if (out)
    picture_keep_meta (out, picture);
  return out;
}

static void
clamp (float *values, int64_t n)
{
  for (int64_t i = 0; i < n; i++)
    values[i] = fminf (fmaxf (values[i], 0.0f), 1.0f);
}

/* With alpha, colours count as much as they are seen: scale(colour * alpha) / scale(alpha). A little is added to the
 * weight so that wholly transparent pixels keep their colour. */
static bool
resize_weighted (const struct picture *picture, struct picture *out, struct waiting *waiting, GError **error)
{
  const float least = 1.0f / 1024;
  const int64_t n = (int64_t) picture->width * picture->height, out_n = (int64_t) out->width * out->height;
  g_autofree float *weighted = g_try_malloc_n (n, sizeof (float));
  if (!weighted) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory to scale a picture of %d x %d", picture->width,
                 picture->height);
    return false;
  }
  if (!resize_planes (picture->alpha, 1, picture->height, picture->width, out->alpha, out->height, out->width, waiting,
                      error))
    return false;
  for (int c = 0; c < 3; c++) {
    float *plane = out->rgb + c * out_n;
    for (int64_t i = 0; i < n; i++)
      weighted[i] = picture->rgb[c * n + i] * (picture->alpha[i] + least);
    if (!resize_planes (weighted, 1, picture->height, picture->width, plane, out->height, out->width, waiting, error))
      return false;
    for (int64_t i = 0; i < out_n; i++)
      plane[i] /= fmaxf (out->alpha[i], 0.0f) + least;
  }
  return true;
}

static struct picture *
resize (const struct picture *picture, int width, int height, struct waiting *waiting, GError **error)
{
  g_autoptr (picture) out = new_like (picture, width, height, error);
  if (!out)
    return NULL;
  const bool scaled = picture->alpha ? resize_weighted (picture, out, waiting, error)
                                     : resize_planes (picture->rgb, 3, picture->height, picture->width, out->rgb,
                                                      height, width, waiting, error);
  if (!scaled)
    return NULL;
  clamp (out->rgb, (int64_t) width * height * 3);
  if (out->alpha)
    clamp (out->alpha, (int64_t) width * height);
  return g_steal_pointer (&out);
}

struct picture *
picture_resize (const struct picture *picture, int width, int height, GError **error)
{
  return resize (picture, width, height, NULL, error);
}

struct picture *
picture_resize_while (const struct picture *picture, int width, int height, bool (*go_on) (void *data), void *data,
                      GError **error)
{
  return resize (picture, width, height, &(struct waiting){go_on, data, false}, error);
}

/* One (height,width) window between planes with rows of @in_stride and @out_stride. */
static void
copy_window (const float *in, int64_t in_stride, float *out, int64_t out_stride, int width, int height)
{
  for (int y = 0; y < height; y++)
    memcpy (out + y * out_stride, in + y * in_stride, width * sizeof (float));
}

struct picture *
picture_fit (const struct picture *picture, int longer, int multiple, bool enlarge, GError **error)
{
  double fit = (double) longer / MAX (picture->width, picture->height), scale = enlarge ? fit : fmin (1, fit);
  int width = MAX (multiple, lrint (picture->width * scale / multiple) * multiple),
      height = MAX (multiple, lrint (picture->height * scale / multiple) * multiple);
  return picture_resize (picture, width, height, error);
}

struct picture *
picture_crop (const struct picture *picture, int x, int y, int width, int height, GError **error)
{
  g_return_val_if_fail (x >= 0 && y >= 0 && width > 0 && height > 0, NULL);
  g_return_val_if_fail (width <= picture->width - x && height <= picture->height - y, NULL);
  struct picture *out = new_like (picture, width, height, error);
  if (!out)
    return NULL;
  const int64_t n = (int64_t) picture->width * picture->height, out_n = (int64_t) width * height;
  const int64_t corner = (int64_t) y * picture->width + x;
  for (int c = 0; c < 3; c++)
    copy_window (picture->rgb + c * n + corner, picture->width, out->rgb + c * out_n, width, width, height);
  if (out->alpha)
    copy_window (picture->alpha + corner, picture->width, out->alpha, width, width, height);
  return out;
}

static void
turn_plane (const float *in, float *out, int width, int height, const struct turn *turn)
{
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      out[turn->start + x * turn->dx + y * turn->dy] = in[(int64_t) y * width + x];
}

struct picture *
picture_turn (const struct picture *picture, int orientation, GError **error)
{
  const struct turn turn = turn_of (orientation, picture->width, picture->height);
  struct picture *out = new_like (picture, turn.width, turn.height, error);
  if (!out)
    return NULL;
  const int64_t n = (int64_t) picture->width * picture->height;
  for (int c = 0; c < 3; c++)
    turn_plane (picture->rgb + c * n, out->rgb + c * n, picture->width, picture->height, &turn);
  if (out->alpha)
    turn_plane (picture->alpha, out->alpha, picture->width, picture->height, &turn);
  return out;
}

struct picture *
picture_sheet (const float *const *cells, int n, int width, int height, int columns, int gap, GError **error)
{
  g_return_val_if_fail (n > 0 && columns > 0 && gap >= 0, NULL);
  columns = MIN (columns, n);
  const int rows = (n + columns - 1) / columns;
  struct picture *sheet = picture_new (columns * (width + gap) - gap, rows * (height + gap) - gap, false, error);
  if (!sheet)
    return NULL;
  const int64_t size = (int64_t) sheet->width * sheet->height;
  for (int64_t i = 0; i < 3 * size; i++)
    sheet->rgb[i] = 1.0f;
  for (int i = 0; i < n; i++) {
    const int x = i % columns * (width + gap), y = i / columns * (height + gap);
    for (int c = 0; c < 3; c++)
      copy_window (cells[i] + (int64_t) c * width * height, width,
                   sheet->rgb + c * size + (int64_t) y * sheet->width + x, sheet->width, width, height);
  }
  return sheet;
}

/* --- What alpha hides --- */

void
visible_add (struct visible *visible, const float *rgb, int64_t stride, const float *alpha, int64_t n)
{
  for (int64_t i = 0; i < n; i++) {
    for (int c = 0; c < 3; c++)
      visible->sum[c] += (double) alpha[i] * rgb[c * stride + i];
    visible->weight += alpha[i];
  }
}

void
visible_fill (const struct visible *visible, float *rgb, int64_t stride, const float *alpha, int64_t n)
{
  for (int c = 0; c < 3; c++) {
    float mean = visible->weight > 0 ? (float) (visible->sum[c] / visible->weight) : 0.5f;
    for (int64_t i = 0; i < n; i++) {
      float *value = rgb + c * stride + i, shown = 8 * alpha[i];
      if (shown < 1)
        *value = mean + shown * (*value - mean);
    }
  }
}

bool
picture_fill_hidden (struct picture *picture)
{
  int64_t n = (int64_t) picture->width * picture->height;
  struct visible visible = {0};
  if (!picture->alpha)
    return true;
  visible_add (&visible, picture->rgb, n, picture->alpha, n);
  visible_fill (&visible, picture->rgb, n, picture->alpha, n);
  return visible.weight > 0;
}
