/* SPDX-License-Identifier: Apache-2.0
 *
 * Explaining pictures: where a judge sees the real thing, and which pixels each layer of the style loss would change.
 * One of two ways, by the option that is given; what they share is here. */
#include "effect/explain.h"

#include <math.h>
#include <string.h>

#include "effect/options.h"
#include "image/metrics.h"
#include "image/pixels.h"

#define LEAST 32 /* pixels of a side */

static const struct option explain_options[] = {
  {"judge", OPTION_STRING, offsetof (struct explain_settings, judge),
   "a run of training (its folder, name or number), or a checkpoint of it (network-....safetensors), whose judge is "
   "asked where the picture looks real",
   .metavar = "RUN"},
  {"head", OPTION_INT, offsetof (struct explain_settings, head),
   "of several score maps: which to draw, counted from 1; 0 = of styles the one that likes the picture best, of a "
   "translation that of paintings",
   0, 4096, 0},
  {"style-image", OPTION_STRING, offsetof (struct explain_settings, style_image),
   "the painting whose style is wanted: which pixels each layer of the style loss would change", .metavar = "PAINTING"},
  {"features", OPTION_STRING, offsetof (struct explain_settings, features),
   "the eye of the style loss: a feature network; otherwise the one that ships", .metavar = "FILE"},
  {"size", OPTION_INT, offsetof (struct explain_settings, size),
   "longer side at which the picture is looked at, pixels; 0 = as it is", 0, 4096, 384},
  {"style-size", OPTION_INT, offsetof (struct explain_settings, style_size), "likewise of the painting", 0, 4096, 512},
  {"threads", OPTION_INT, offsetof (struct explain_settings, threads), "threads; 0 = all", 0, 1024, 0},
  {NULL},
};

ImpastoOptions *
impasto_explain_options_new (void)
{
  ImpastoOptions *options = impasto_options_new ();
  options_add (options, NULL, explain_options, sizeof (struct explain_settings));
  return options;
}

static void
explained_free (gpointer data)
{
  ImpastoExplained *row = data;
  g_free (row->name);
  g_free (row);
}

void
impasto_explanation_free (ImpastoExplanation *explanation)
{
  if (!explanation)
    return;
  g_ptr_array_unref (explanation->rows);
  g_free (explanation->notes);
  g_free (explanation);
}

ImpastoExplained *
explain_add (ImpastoExplanation *explanation, const char *name, double value, double share)
{
  ImpastoExplained *row = g_new0 (ImpastoExplained, 1);
  row->name = g_strdup (name);
  row->value = value;
  row->share = share;
  g_ptr_array_add (explanation->rows, row);
  return row;
}

void
explain_regions (ImpastoExplained *row, const float *map, int width, int height)
{
  int64_t count[9] = {0};
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      int region = y * 3 / height * 3 + x * 3 / width;
      row->region[region] += map[(int64_t) y * width + x];
      count[region]++;
    }
  for (int i = 0; i < 9; i++)
    row->region[i] /= (double) MAX (count[i], 1);
}

/* A side of so many pixels, to a multiple of 4. */
static int
side_of (double pixels)
{
  return MAX (LEAST, (int) lround (pixels / 4) * 4);
}

struct picture *
explain_load (const char *path, int64_t longer, GError **error)
{
  g_autoptr (picture) picture = picture_load (path, 0, error);
  if (!picture)
    return NULL;
  picture_flatten (picture);
  double scale = longer > 0 ? (double) longer / MAX (picture->width, picture->height) : 1;
  return picture_resize (picture, side_of (scale * picture->width), side_of (scale * picture->height), error);
}

ImpastoExplanation *
impasto_explain (const char *path, const ImpastoOptions *options, const char *output, GError **error)
{
  const struct explain_settings *settings = options_settings (options, explain_options);
  g_return_val_if_fail (settings && output, NULL);
  if (!settings->judge == !settings->style_image) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                 "explain wants --judge RUN or --style-image PAINTING, one of them");
    return NULL;
  }
  g_autoptr (ImpastoExplanation) explanation = g_new0 (ImpastoExplanation, 1);
  explanation->rows = g_ptr_array_new_with_free_func (explained_free);
  g_autoptr (picture) picture = explain_load (path, settings->size, error);
  if (!picture || !picture_can_save (output, error))
    return NULL;
  g_autoptr (picture) sheet = settings->judge ? explain_judge (picture, settings, explanation, error)
                                              : explain_style (picture, settings, explanation, error);
  return sheet && picture_save (sheet, output, NULL, error) ? g_steal_pointer (&explanation) : NULL;
}
