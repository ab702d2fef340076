/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of paintings: impasto/impasto.h over image/metrics.h and effect/distance.h. What is asked for decides which
 * figures there are, the same for every picture of an evaluator. */
#include <math.h>

#include "base/text.h"
#include "effect/distance.h"
#include "effect/inspect.h"
#include "effect/options.h"
#include "effect/styles.h"
#include "image/metrics.h"
#include "image/pixels.h"
#include "train/loss.h"
#include "train/trainer.h"

#define LEVELS 255 /* differences are told in steps of 8-bit samples */

struct evaluate_settings {
  char *style_image, *features, *tile;
  int64_t style_size, size, threads;
  bool preview;
};

static const struct option evaluate_options[] = {
  {"style-image", OPTION_STRING, offsetof (struct evaluate_settings, style_image),
   "the painting whose style was wanted: how far each picture's style is from it", .metavar = "PAINTING"},
  {"features", OPTION_STRING, offsetof (struct evaluate_settings, features),
   "the eye of both distances: VGG-19 or ResNet-18 in torchvision's layout, or a network of impasto train perceptual; "
   "otherwise " FEATURES_FILE " from the folders of packs. With --reals also a classifier: digits, or one of impasto "
   "train classifier",
   .metavar = "FILE"},
  {"style-size", OPTION_INT, offsetof (struct evaluate_settings, style_size),
   "longer side at which the painting is looked at, as in training; 0 = as it is", 0, 16384, 768},
  {"size", OPTION_INT, offsetof (struct evaluate_settings, size),
   "longer side at which pictures are looked at for both distances; 0 = as they are", 0, 16384, 0},
  {"preview", OPTION_BOOL, offsetof (struct evaluate_settings, preview),
   "of two pictures of different size, the larger is scaled to the smaller before they are compared"},
  {"tile", OPTION_STRING, offsetof (struct evaluate_settings, tile),
   "look for seams along the lines of tiles of this size", .metavar = "WxH"},
  {"threads", OPTION_INT, offsetof (struct evaluate_settings, threads), "threads; 0 = all", 0, 1024, 0},
  {NULL},
};

struct _ImpastoEvaluator {
  int64_t size;
  bool preview, style;
  int tile_width, tile_height; /* 0 = no tiles */
  struct distance *distance;   /* NULL until it is needed */
  struct palette palette;      /* of the style */
  float colors[LOSS_COLORS];   /* likewise */
  char *features;
  int64_t threads;
};

ImpastoOptions *
impasto_eval_options_new (void)
{
  ImpastoOptions *options = impasto_options_new ();
  options_add (options, NULL, evaluate_options, sizeof (struct evaluate_settings));
  return options;
}

/* The network that ships, from the folders of packs. */
static char *
find_features (GError **error)
{
  char *found = style_folders_find (FEATURES_FILE);
  if (found)
    return found;
  g_auto (GStrv) folders = impasto_style_folders ();
  g_autofree char *searched = g_strjoinv (", ", folders);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
               "no feature network: there is no " FEATURES_FILE "%s%s; name one with --features FILE (VGG-19 or "
               "ResNet-18 in torchvision's layout)",
               *searched ? " in " : "", searched);
  return NULL;
}

static bool
need_distance (ImpastoEvaluator *evaluator, GError **error)
{
  if (evaluator->distance)
    return true;
  g_autofree char *path = evaluator->features ? g_strdup (evaluator->features) : find_features (error);
  struct features *features = path ? features_load (path, error) : NULL;
  if (features)
    evaluator->distance = distance_new (features, evaluator->threads);
  return evaluator->distance != NULL;
}

static struct picture *
load (const char *path, GError **error)
{
  struct picture *picture = picture_load (path, 0, error);
  if (picture)
    picture_flatten (picture);
  return picture;
}

static bool
resize (struct picture **picture, int width, int height, GError **error)
{
  if ((*picture)->width == width && (*picture)->height == height)
    return true;
  struct picture *scaled = picture_resize (*picture, width, height, error);
  if (!scaled)
    return false;
  picture_free (*picture);
  *picture = scaled;
  return true;
}

/* To @longer pixels on the longer side; 0 keeps it. */
static bool
resize_longer (struct picture **picture, int64_t longer, GError **error)
{
  int w = (*picture)->width, h = (*picture)->height;
  double scale = longer ? (double) longer / MAX (w, h) : 1;
  return resize (picture, MAX (1, lround (w * scale)), MAX (1, lround (h * scale)), error);
}

static bool
set_style (ImpastoEvaluator *evaluator, const struct evaluate_settings *settings, GError **error)
{
  g_autoptr (picture) style = load (settings->style_image, error);
  if (!style || !resize_longer (&style, settings->style_size, error) || !need_distance (evaluator, error))
    return false;
  evaluator->palette = picture_palette (style);
  loss_colors_target (style->rgb, style->height, style->width, evaluator->colors);
  evaluator->style = true;
  if (distance_set_style (evaluator->distance, style, error))
    return true;
  g_prefix_error (error, "%s: ", settings->style_image);
  return false;
}

ImpastoEvaluator *
impasto_evaluator_new (const ImpastoOptions *options, gboolean photographs, GError **error)
{
  const struct evaluate_settings *settings = options_settings (options, evaluate_options);
  g_return_val_if_fail (settings, NULL);
  g_autoptr (ImpastoEvaluator) evaluator = g_new0 (ImpastoEvaluator, 1);
  evaluator->size = settings->size;
  evaluator->preview = settings->preview;
  evaluator->threads = settings->threads;
  evaluator->features = g_strdup (settings->features);
  if (settings->tile && !parse_size ("tile", settings->tile, &evaluator->tile_width, &evaluator->tile_height, error))
    return NULL;
  if ((settings->features || photographs) && !need_distance (evaluator, error))
    return NULL;
  if (settings->style_image && !set_style (evaluator, settings, error))
    return NULL;
  return g_steal_pointer (&evaluator);
}

void
impasto_evaluator_free (ImpastoEvaluator *evaluator)
{
  if (!evaluator)
    return;
  distance_free (evaluator->distance);
  g_free (evaluator->features);
  g_free (evaluator);
}

/* One call: the picture's file and what is found out about it. */
struct run {
  ImpastoEvaluator *evaluator;
  const char *path;
  ImpastoFigures *figures;
};

static void
add (struct run *run, const char *name, double value)
{
  ImpastoFigures *figures = run->figures;
  g_return_if_fail (figures->n_figures < IMPASTO_FIGURES);
  figures->figure[figures->n_figures++] = (ImpastoFigure){name, value};
}

static void add_note (struct run *run, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add_note (struct run *run, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *before = run->figures->notes, *line = g_strdup_vprintf (format, args);
  va_end (args);
  run->figures->notes = g_strconcat (before ? before : "", before ? "\n" : "", line, NULL);
}

/* What was done to a picture before it was looked at. */
static void
note_scaled (struct run *run, const char *what, const struct picture *from, int width, int height)
{
  add_note (run, "%s is %dx%d and was scaled to %dx%d", what, from->width, from->height, width, height);
}

/* As the loss of training has it, of the whole picture. */
static double
color_distance (const struct picture *painting, const float wanted[LOSS_COLORS])
{
  float colors[LOSS_COLORS];
  double apart = 0, square = 0;
  loss_colors_target (painting->rgb, painting->height, painting->width, colors);
  for (int i = 0; i < LOSS_COLORS; i++) {
    apart += ((double) colors[i] - wanted[i]) * ((double) colors[i] - wanted[i]);
    square += (double) wanted[i] * wanted[i];
  }
  return apart / square;
}

static bool
add_distances (struct run *run, struct picture *painting, const char *content, GError **error)
{
  ImpastoEvaluator *evaluator = run->evaluator;
  if (!evaluator->style && !content)
    return true;
  g_autoptr (picture) photo = content ? load (content, error) : NULL;
  g_autoptr (picture) looked = NULL;
  if ((content && !photo) || !need_distance (evaluator, error))
    return false;
  int w = painting->width, h = painting->height;
  if (photo && (photo->width != w || photo->height != h)) {
    note_scaled (run, content, photo, w, h);
    if (!resize (&photo, w, h, error))
      return false;
  }
  if (evaluator->size && MAX (w, h) != evaluator->size) {
    looked = picture_resize (painting, w, h, error);
    if (!looked || !resize_longer (&looked, evaluator->size, error) ||
        (photo && !resize_longer (&photo, evaluator->size, error)))
      return false;
    painting = looked;
  }
  double style, distance;
  if (!distance_measure (evaluator->distance, painting, photo, evaluator->style ? &style : NULL,
                         photo ? &distance : NULL, error)) {
    g_prefix_error (error, "%s: ", run->path);
    return false;
  }
  struct palette palette = picture_palette (painting);
  if (evaluator->style) {
    add (run, "style_distance", style);
    add (run, "palette_distance", palette_distance (&palette, &evaluator->palette));
    add (run, "color_distance", color_distance (painting, evaluator->colors));
  }
  if (!photo)
    return true;
  add (run, "content_distance", distance);
  struct picture_flatness flatness;
  if (!picture_flatness (painting, photo, &flatness, error))
    return false;
  add (run, "calm", flatness.calm * LEVELS);
  add (run, "alike", flatness.alike * LEVELS);
  return true;
}

static bool
add_mesh (struct run *run, const struct picture *painting, GError **error)
{
  double mesh;
  if (!picture_mesh (painting, &mesh, error))
    return false;
  add (run, "mesh", mesh * LEVELS);
  return true;
}

/* Both of one size: the smaller's. */
static bool
agree (struct run *run, struct picture **picture, const char *against, struct picture **other, GError **error)
{
  struct picture *a = *picture, *b = *other;
  if (a->width == b->width && a->height == b->height)
    return true;
  if (!run->evaluator->preview) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s is %dx%d, but %s is %dx%d; --preview compares them at the smaller size", run->path, a->width,
                 a->height, against, b->width, b->height);
    return false;
  }
  bool first = (int64_t) a->width * a->height > (int64_t) b->width * b->height;
  struct picture *smaller = first ? b : a;
  note_scaled (run, first ? run->path : against, first ? a : b, smaller->width, smaller->height);
  return resize (first ? picture : other, smaller->width, smaller->height, error);
}

/* Whether a line between tiles lies in the picture. */
static bool
has_lines (const struct run *run, const struct picture *picture)
{
  return run->evaluator->tile_width < picture->width || run->evaluator->tile_height < picture->height;
}

static bool
add_pair (struct run *run, struct picture **picture, const char *against, GError **error)
{
  const ImpastoEvaluator *evaluator = run->evaluator;
  double ssim;
  g_autoptr (picture) other = load (against, error);
  if (!other || !agree (run, picture, against, &other, error) || !picture_ssim (*picture, other, &ssim, error))
    return false;
  struct picture_distance distance = picture_compare (*picture, other);
  add (run, "psnr", distance.psnr);
  add (run, "ssim", ssim);
  add (run, "mean_difference", distance.mean * LEVELS);
  add (run, "max_difference", distance.most * LEVELS);
  if (!evaluator->tile_width)
    return true;
  distance = picture_compare_seams (*picture, other, evaluator->tile_width, evaluator->tile_height);
  bool lines = has_lines (run, *picture);
  add (run, "mean_at_seams", lines ? distance.mean * LEVELS : NAN);
  add (run, "max_at_seams", lines ? distance.most * LEVELS : NAN);
  return true;
}

static void
add_seams (struct run *run, const struct picture *picture)
{
  int width = run->evaluator->tile_width, height = run->evaluator->tile_height;
  struct picture_seams seams = picture_seams (picture, width, height);
  bool lines = has_lines (run, picture);
  if (!lines)
    add_note (run, "%s: no line of tiles of %dx%d lies in its %dx%d pixels", run->path, width, height, picture->width,
              picture->height);
  add (run, "seam_step", lines ? seams.step * LEVELS : NAN);
  add (run, "step_beside", lines ? seams.beside * LEVELS : NAN);
  add (run, "worst_seam", lines ? seams.worst * LEVELS : NAN);
}

gboolean
impasto_evaluator_run (ImpastoEvaluator *evaluator, const char *path, const char *content, const char *against,
                       ImpastoFigures *figures, GError **error)
{
  *figures = (ImpastoFigures){0};
  struct run run = {evaluator, path, figures};
  g_autoptr (picture) picture = load (path, error);
  if (!picture)
    return FALSE;
  figures->width = picture->width;
  figures->height = picture->height;
  if (!add_distances (&run, picture, content, error) || (evaluator->style && !add_mesh (&run, picture, error)))
    return FALSE;
  if (evaluator->tile_width)
    add_seams (&run, picture);
  return !against || add_pair (&run, &picture, against, error);
}

void
impasto_figures_clear (ImpastoFigures *figures)
{
  g_clear_pointer (&figures->notes, g_free);
}
