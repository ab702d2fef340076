/* SPDX-License-Identifier: Apache-2.0
 *
 * The public face of pictures and of the painter: impasto/impasto.h over image/picture.h and effect/paint.h. Messages
 * about a file begin with its name. */
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/text.h"
#include "device/cpu.h"
#include "effect/optimize.h"
#include "effect/options.h"
#include "effect/paint.h"

const char *
impasto_version (void)
{
  return IMPASTO_VERSION;
}

void
impasto_abandon (void)
{
  draft_abandon_all ();
}

char *
impasto_machine (void)
{
  cpu_set_threads (0);
  return g_strdup_printf ("%s, %s, %d thread%s", cpu_version (), cpu_isa (), cpu_threads (),
                          text_plural (cpu_threads ()));
}

/* ImpastoPicture is struct picture under a name of our own. */

static struct picture *
inner (const ImpastoPicture *picture)
{
  return (struct picture *) picture;
}

ImpastoPicture *
impasto_picture_load (const char *path, GError **error)
{
  return (ImpastoPicture *) picture_load (path, 0, error);
}

void
impasto_picture_free (ImpastoPicture *picture)
{
  picture_free (inner (picture));
}

int
impasto_picture_get_width (const ImpastoPicture *picture)
{
  return inner (picture)->width;
}

int
impasto_picture_get_height (const ImpastoPicture *picture)
{
  return inner (picture)->height;
}

ImpastoPicture *
impasto_picture_new_from_rgb (const guint8 *rgb, int width, int height, gsize stride, GError **error)
{
  struct picture *picture = picture_new (width, height, false, error);
  int64_t plane = (int64_t) width * height;
  for (int y = 0; picture && y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < 3; c++)
        picture->rgb[c * plane + (int64_t) y * width + x] = rgb[y * stride + 3 * (gsize) x + c] / 255.0f;
  return (ImpastoPicture *) picture;
}

void
impasto_picture_get_rgb (const ImpastoPicture *picture, guint8 *rgb, gsize stride)
{
  const struct picture *from = inner (picture);
  int64_t plane = (int64_t) from->width * from->height;
  for (int y = 0; y < from->height; y++)
    for (int x = 0; x < from->width; x++)
      for (int c = 0; c < 3; c++)
        rgb[y * stride + 3 * (gsize) x + c] =
          CLAMP (from->rgb[c * plane + (int64_t) y * from->width + x], 0.0f, 1.0f) * 255 + 0.5f;
}

static struct picture_save_options
save_options (const ImpastoOptions *options)
{
  const struct paint_settings *settings = options ? options_settings (options, paint_options) : NULL;
  if (!settings)
    return (struct picture_save_options){0};
  return (struct picture_save_options){.quality = settings->quality, .keep_gps = settings->keep_gps};
}

gboolean
impasto_picture_save (const ImpastoPicture *picture, const char *path, const ImpastoOptions *options, GError **error)
{
  struct picture_save_options save = save_options (options);
  return picture_save (inner (picture), path, &save, error);
}

gboolean
impasto_picture_has_extension (const char *path)
{
  return picture_can_save (path, NULL);
}

gboolean
impasto_picture_is_painting (const char *path)
{
  g_autofree char *recipe = picture_recipe (path, NULL);
  return recipe != NULL;
}

gboolean
impasto_picture_has_quality (const char *path)
{
  return picture_has_quality (path);
}

static guint64
samples_bytes (const struct picture_info *info)
{
  return (3 + info->alpha) * sizeof (float) * (guint64) info->width * info->height;
}

guint64
impasto_picture_bytes (const char *path)
{
  struct picture_info info;
  return picture_probe (path, 0, &info, NULL) ? samples_bytes (&info) : 0;
}

guint64
impasto_picture_loading_bytes (const char *path)
{
  struct picture_info info;
  return picture_probe (path, 0, &info, NULL) ? MAX (info.opening, info.decoding + samples_bytes (&info)) : 0;
}

gboolean
impasto_picture_can_save (const char *path, GError **error)
{
  if (!picture_can_save (path, error))
    return FALSE;
  g_autofree char *place = draft_place (path), *folder = place ? g_path_get_dirname (place) : NULL;
  GStatBuf status;
  const char *what = NULL;
  if (!place)
    what = g_strerror (errno);
  else if (g_stat (path, &status) == 0 && !S_ISREG (status.st_mode))
    what = S_ISDIR (status.st_mode) ? "it is a folder" : "it is not a regular file";
  else if (g_stat (folder, &status) != 0)
    what = g_strerror (errno);
  else if (g_access (folder, W_OK | X_OK) != 0)
    what = g_strerror (errno);
  if (what)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "cannot write %s: %s", path, what);
  return what == NULL;
}

ImpastoOptions *
impasto_paint_options_new (void)
{
  ImpastoOptions *options = impasto_options_new ();
  struct paint_settings *settings = options_add (options, NULL, paint_options, sizeof (struct paint_settings));
  settings->optimize = options_add (options, "Method optimize", optimize_options, sizeof (struct optimize_settings));
  return options;
}

struct _ImpastoPainter {
  struct painter *inner;
  ImpastoPaintFunc func;
  gpointer data;
  char *output; /* or NULL */
};

/* The first of @names, NULL-terminated, that was given; or NULL. */
static const char *
first_given (const ImpastoOptions *options, const char *const *names)
{
  while (*names && !options_given (options, *names))
    names++;
  return *names;
}

/* An option that the method does not look at is a mistake of whoever gave it. */
static bool
check_given (const ImpastoOptions *options, const struct paint_settings *settings, GError **error)
{
  static const char *const of_image[] = {"fusion",    "fusion-strength",    "style-size", "palette",
                                         "brushwork", "brushwork-strength", "predictor",  NULL};
  static const char *const of_moments[] = {"fusion", "brushwork", "brushwork-strength", NULL};
  static const char *const of_networks[] = {"grain", "wrap", "strokes", NULL};
  const struct optimize_settings *own = settings->optimize;
  const struct method *method = paint_method (settings->method);
  bool optimize = method == &method_optimize;
  bool image = settings->style_image && *settings->style_image && !optimize;
  const char *name = NULL, *with = NULL;
  for (const struct option *option = optimize_options; option->name; option++)
    if (!optimize && options_given (options, option->name))
      name = option->name, with = "--method optimize";
  const char *of_image_given = first_given (options, of_image), *of_moments_given = first_given (options, of_moments),
             *of_networks_given = first_given (options, of_networks);
  if (!image && of_image_given)
    name = of_image_given, with = "--style-image, painted by a network";
  if (image && method == &method_network && options_given (options, "method"))
    name = "style-image", with = "--method predict, image or optimize";
  if (method == &method_predict && of_moments_given)
    name = of_moments_given, with = "--method image";
  if (image && options_given (options, "predictor") && (method == &method_image || of_moments_given))
    name = "predictor", with = "--method predict";
  if (optimize && of_networks_given)
    name = of_networks_given, with = "paintings by networks";
  if (optimize && own && options_given (options, "rate") && own->optimizer != OPTIMIZE_ADAM)
    name = "rate", with = "--optimizer adam";
  if (optimize && own && options_given (options, "patches") && own->patch_weight == 0)
    name = "patches", with = "--patch-weight";
  if (name)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--%s goes with %s", name, with);
  return !name;
}

ImpastoPainter *
impasto_painter_new (const ImpastoOptions *options, GError **error)
{
  const struct paint_settings *settings = options_settings (options, paint_options);
  g_return_val_if_fail (settings, NULL);
  struct painter *made = check_given (options, settings, error) ? painter_new (settings, error) : NULL;
  if (!made)
    return NULL;
  ImpastoPainter *painter = g_new0 (ImpastoPainter, 1);
  painter->inner = made;
  return painter;
}

void
impasto_painter_free (ImpastoPainter *painter)
{
  if (!painter)
    return;
  painter_free (painter->inner);
  g_free (painter->output);
  g_free (painter);
}

void
impasto_painter_set_progress (ImpastoPainter *painter, ImpastoPaintFunc func, gpointer data)
{
  painter->func = func;
  painter->data = data;
}

void
impasto_painter_set_output (ImpastoPainter *painter, const char *path)
{
  g_free (painter->output);
  painter->output = g_strdup (path);
}

const char *
impasto_painter_get_style (const ImpastoPainter *painter)
{
  return painter_style (painter->inner);
}

const char *
impasto_painter_get_pack (const ImpastoPainter *painter)
{
  return painter_file (painter->inner);
}

char **
impasto_painter_get_sources (const ImpastoPainter *painter)
{
  return painter_sources (painter->inner);
}

gboolean
impasto_painter_forecast (ImpastoPainter *painter, const char *path, ImpastoForecast *forecast, GError **error)
{
  struct paint_forecast inside;
  bool ok = painter_prepare_file (painter->inner, path, painter->output, &inside, error);
  *forecast = (ImpastoForecast){
    .width = inside.width,
    .height = inside.height,
    .paint_width = inside.paint_width,
    .paint_height = inside.paint_height,
    .frames = inside.frames,
    .bytes = inside.bytes,
    .limit = inside.limit,
    .precision = inside.precision,
    .operations = inside.operations,
    .plan_seconds = inside.prepare_seconds,
    .streams = inside.streams,
    .threads = painter_threads (painter->inner),
  };
  return ok;
}

/* The library's bool is not GLib's gboolean. */
static bool
progress (double share, const char *what, void *data)
{
  const ImpastoPainter *painter = data;
  return !painter->func || painter->func (share, what, painter->data);
}

gboolean
impasto_painter_paint (ImpastoPainter *painter, ImpastoPicture *picture, GError **error)
{
  return painter_run (painter->inner, inner (picture), &(struct paint_job){progress, painter, painter->output}, error);
}

gboolean
impasto_painter_paint_file (ImpastoPainter *painter, const char *path, const char *output,
                            const ImpastoOptions *options, GError **error)
{
  struct picture_save_options save = save_options (options);
  return painter_run_file (painter->inner, path, output, &save, &(struct paint_job){progress, painter}, error);
}
