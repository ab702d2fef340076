/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures to files. The encoder pulls rows out of the float planes while it writes, so that saving needs no second
 * copy of the picture. It writes into a draft: the target is the old file or the whole new one, never a part. */
#include <math.h>
#include <string.h>

#include "base/draft.h"
#include "image/stream.h"
#include "image/vips.h"

#define RECIPE_MAX (48 * 1024) /* bytes, so that it fits into a JPEG segment when escaped */

struct source {
  const struct picture *picture;
  struct row_store *rows; /* where the pixels are when the picture has none; under the lock */
  GMutex lock;
  bool alpha;
  bool flatten;
  bool deep;
  int nonfinite; /* atomic: set by the encoder's thread */
  const struct picture_save_options *options;
  bool stopped;
};

/* A run of one channel into interleaved samples of @step; false when there was a NaN or an infinity. */
static bool
store (const float *in, void *out, bool deep, int step, int n)
{
  const float top = deep ? 65535.0f : 255.0f;
  bool finite = true;
  for (int i = 0; i < n; i++) {
    const float value = in[i], scaled = value * top + 0.5f;
    finite &= isfinite (value) != 0;
    const int rounded = scaled >= top ? (int) top : scaled > 0.0f ? (int) scaled : 0;
    if (deep)
      ((uint16_t *) out)[i * step] = rounded;
    else
      ((uint8_t *) out)[i * step] = rounded;
  }
  return finite;
}

/* Pixels @left to @left + @n of row @y: planes at @row, or at *planes where they are already. */
static bool
fetch (struct source *source, int y, int left, float *row, const float *planes[4])
{
  const struct picture *picture = source->picture;
  const int64_t size = (int64_t) picture->width * picture->height, start = (int64_t) y * picture->width + left;
  for (int band = 0; !source->rows && band < 3; band++)
    planes[band] = picture->rgb + band * size + start;
  planes[3] = picture->alpha ? picture->alpha + start : NULL;
  if (!source->rows)
    return true;
  for (int band = 0; band < 4; band++)
    planes[band] = row + (int64_t) band * picture->width + left;
  g_autoptr (GError) error = NULL;
  g_mutex_lock (&source->lock);
  const bool read = row_store_read (source->rows, y, 0, source->alpha ? 4 : 3, row, picture->width, &error);
  g_mutex_unlock (&source->lock);
  if (!read)
    vips_error ("picture", "%s", error->message);
  return read;
}

static int
generate (VipsRegion *region, void *sequence, void *a, void *b, gboolean *stop)
{
  struct source *source = a;
  const int bands = region->im->Bands, bytes = source->deep ? 2 : 1;
  const VipsRect *rect = &region->valid;
  float *blended = sequence, *fetched = blended + region->im->Xsize; /* a row over white; a row of all planes */
  bool finite = true;

  for (int y = rect->top; y < VIPS_RECT_BOTTOM (rect); y++) {
    uint8_t *row = VIPS_REGION_ADDR (region, rect->left, y);
    const float *planes[4];
    if (!fetch (source, y, rect->left, fetched, planes))
      return -1;
    const float *alpha = planes[3];
    for (int band = 0; band < 3; band++) {
      const float *in = planes[band];
      for (int x = 0; source->flatten && x < rect->width; x++)
        blended[x] = 1.0f - alpha[x] * (1.0f - in[x]);
      finite &= store (source->flatten ? blended : in, row + band * bytes, source->deep, bands, rect->width);
    }
    if (bands == 4)
      finite &= store (alpha, row + 3 * bytes, source->deep, bands, rect->width);
  }
  if (finite)
    return 0;
  g_atomic_int_set (&source->nonfinite, 1);
  vips_error ("picture", "NaN or infinity");
  return -1;
}

static void *
start_sequence (VipsImage *image, void *a, void *b)
{
  return g_new (float, (((struct source *) a)->rows ? 5 : 1) * (gsize) image->Xsize);
}

static int
stop_sequence (void *sequence, void *a, void *b)
{
  g_free (sequence);
  return 0;
}

/* An image whose pixels are computed from @source when asked for. */
static VipsImage *
describe (struct source *source, const struct picture_save_options *options)
{
  const struct picture *picture = source->picture;
  VipsImage *image = vips_image_new ();
  double x_resolution = 1.0, y_resolution = 1.0;
  if (picture->meta) {
    x_resolution = vips_image_get_xres (picture->meta);
    y_resolution = vips_image_get_yres (picture->meta);
  }
  vips_image_init_fields (image, picture->width, picture->height, source->alpha && !source->flatten ? 4 : 3,
                          source->deep ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR, VIPS_CODING_NONE,
                          source->deep ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB, x_resolution,
                          y_resolution);
  meta_apply (image, picture->meta, options->keep_gps, picture->recipe);
  if (vips_image_pipelinev (image, VIPS_DEMAND_STYLE_FATSTRIP, NULL) != 0 ||
      vips_image_generate (image, start_sequence, generate, stop_sequence, source, NULL) != 0)
    g_clear_object (&image);
  return image;
}

static bool
stopped (struct source *source)
{
  const struct picture_save_options *options = source->options;
  source->stopped = source->stopped || (options->go_on && !options->go_on (options->data));
  return source->stopped;
}

/* libvips tells this in the thread that saves, unless all rows are computed before that thread looks. */
static void
on_eval (VipsImage *image, VipsProgress *progress, struct source *source)
{
  vips_image_set_kill (image, stopped (source));
}

static bool
encode (const struct format *format, struct source *source, int fd)
{
  const struct picture_save_options *options = source->options;
  g_autoptr (vips_image) image = describe (source, options);
  g_autoptr (vips_target) target = vips_target_new_to_descriptor (fd);
  if (image && options->go_on) {
    vips_image_set_progress (image, TRUE);
    g_signal_connect (image, "eval", G_CALLBACK (on_eval), source);
  }
  return image && target && format->save (image, target, options->quality ? options->quality : format->quality) == 0;
}

static bool
check (const struct picture *picture, const char *path, const struct picture_save_options *options, GError **error)
{
  const char *what = NULL;
  if (options->bits != 0 && options->bits != 8 && options->bits != 16)
    what = "a sample has 8 or 16 bits";
  else if (options->quality < 0 || options->quality > 100)
    what = "quality goes from 1 to 100";
  else if (picture->recipe && strlen (picture->recipe) > RECIPE_MAX)
    what = "the recipe is longer than 48 KiB";
  else if (picture->recipe && !g_utf8_validate (picture->recipe, -1, NULL))
    what = "the recipe is not UTF-8";
  if (!what)
    return true;
  image_refuse (error, IMPASTO_ERROR_USAGE, path, "%s", what);
  return false;
}

bool
picture_can_save (const char *path, GError **error)
{
  if (format_of_path (path))
    return true;
  g_autofree char *known = format_extensions ();
  image_refuse (error, IMPASTO_ERROR_USAGE, path, "unknown picture extension, expected one of %s", known);
  return false;
}

bool
picture_has_quality (const char *path)
{
  const struct format *format = format_of_path (path);
  return format && format->quality > 0;
}

bool
picture_can_save_size (const char *path, int width, int height, GError **error)
{
  const struct format *format = format_of_path (path);
  if (!picture_can_save (path, error))
    return false;
  if (!format->side || MAX (width, height) <= format->side)
    return true;
  image_refuse (error, IMPASTO_ERROR_USAGE, path, "%d x %d: a side of %s has at most %d pixels; save as .tif or .png",
                width, height, format->name, format->side);
  return false;
}

static bool
save (const struct picture *picture, struct row_store *rows, const char *path,
      const struct picture_save_options *options, GError **error)
{
  static const struct picture_save_options defaults = {0};
  options = options ? options : &defaults;
  if (!picture_can_save_size (path, picture->width, picture->height, error) || !check (picture, path, options, error))
    return false;
  const struct format *format = format_of_path (path);
  if (!image_start (format->heif, path, error))
    return false;
  vips_error_clear ();

  const bool alpha = rows ? row_store_planes (rows) == 4 : picture->alpha != NULL;
  struct source source = {
    .picture = picture,
    .rows = rows,
    .options = options,
    .alpha = alpha,
    .flatten = alpha && !format->alpha,
    .deep = format->deep && (options->bits ? options->bits : picture->bits) == 16,
  };
  g_autoptr (draft) draft = draft_new (path, error);
  if (!draft)
    return false;
  if (encode (format, &source, draft->fd) && !stopped (&source))
    return draft_commit (draft, error);
  if (source.stopped)
    image_refuse (error, IMPASTO_ERROR_CANCELLED, path, "stopped while saving");
  else if (g_atomic_int_get (&source.nonfinite))
    image_refuse (error, IMPASTO_ERROR_NUMERIC, path, "not written: the picture holds NaN or infinity");
  else
    image_failed (error, IMPASTO_ERROR_OUTPUT, path, "cannot write");
  return false;
}

bool
picture_save (const struct picture *picture, const char *path, const struct picture_save_options *options,
              GError **error)
{
  return save (picture, NULL, path, options, error);
}

bool
stream_save (const struct picture *about, struct row_store *rows, const char *path,
             const struct picture_save_options *options, GError **error)
{
  return save (about, rows, path, options, error);
}
