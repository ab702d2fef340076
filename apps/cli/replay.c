/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto replay: paints other pictures as one was painted. */
#include "command.h"
#include "painting.h"
#include "progress.h"

static const ImpastoOption options[] = {
  {"force", IMPASTO_OPTION_BOOLEAN, "take a pack or mask of the right name, even if another is in it"},
  PAINTING_OPTIONS,
  PROGRESS_OPTIONS,
  {NULL},
};

static ImpastoOptions *
replay_options (const char *subject, GError **error)
{
  ImpastoOptions *all = impasto_paint_options_new ();
  impasto_options_add (all, "Files", options);
  return all;
}

static int
replay_run (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  if (arguments->n_words < 2)
    return complain_usage ("replay wants a painting and a picture: impasto replay PAINTING IN [-o OUT]");
  if (!arguments_take_mix (arguments, "style", &error) || !arguments_take_mix (arguments, "brushwork", &error) ||
      !arguments_take_regions (arguments, &error) ||
      !impasto_paint_options_replay (arguments->options, arguments->words[0], arguments_flag (arguments, "force"),
                                     &error))
    return complain (error);
  return painting_run (arguments, arguments->words + 1);
}

const struct command command_replay = {
  .name = "replay",
  .summary = "Paints other pictures with the settings of a painting",
  .usage = "PAINTING IN... [-o OUT]",
  .examples = {"impasto replay painting.png new.jpg -o new-painting.png",
               "impasto replay painting.png holiday/ --recursive --strength 0.7 -o painted/"},
  .notes =
    "What PAINTING was painted with is in its metadata: styles and weights, strength, brush, regions, colours, size,\n"
    "seed, and the SHA-256 of the pack. Options on the line come before them. Packs are looked for where impasto\n"
    "styles finds them (of a RUN: in its folder, in runs/ of the current folder or of PAINTING's); packs and masks\n"
    "beside PAINTING and in the current folder.",
  .lists = (const char *const[]){"region", NULL},
  .options = replay_options,
  .run = replay_run,
};
