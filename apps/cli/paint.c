/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto paint: one picture, several, or folders of them. A bad file is reported and does not stop the rest. */
#include "command.h"
#include "painting.h"
#include "progress.h"

static const ImpastoOption options[] = {PAINTING_OPTIONS, PROGRESS_OPTIONS, {NULL}};

static ImpastoOptions *
paint_options (const char *subject, GError **error)
{
  ImpastoOptions *all = impasto_paint_options_new ();
  impasto_options_add (all, "Files", options);
  return all;
}

static int
paint_run (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  if (!arguments_take_mix (arguments, "style", &error) || !arguments_take_mix (arguments, "brushwork", &error) ||
      !arguments_take_regions (arguments, &error))
    return complain (error);
  return painting_run (arguments, arguments->words);
}

const struct command command_paint = {
  .name = "paint",
  .summary = "Paints photographs in a learned style",
  .usage = "IN... --style NAME | --style-image FILE [-o OUT]",
  .examples =
    {
      "impasto paint photo.jpg --style starry-night -o painting.png",
      "impasto paint holiday/ --recursive --style great-wave -o painted/",
      "impasto paint photo.jpg --style starry-night:0.6,great-wave:0.4 --strength 0.8 --brush 1.5",
      "impasto paint photo.jpg --style great-wave --region sky.png=starry-night --keep-colors luminance",
      "impasto paint photo.jpg --style-image irises.jpg -o irises.png",
      "impasto paint photo.jpg --style mine.safetensors --size 1024",
    },
  .notes = "IN is a picture (PNG, JPEG, WebP, TIFF; HEIC and AVIF where libvips has them) or a folder of pictures.\n"
           "A file named with -o is replaced; names that impasto makes up never replace anything without --overwrite.\n"
           "What a picture was painted with is stored in it: impasto replay paints another one likewise.",
  .lists = (const char *const[]){"region", NULL},
  .options = paint_options,
  .run = paint_run,
};
