/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto describe: what a network or a pack is made of. */
#include <stdio.h>

#include "command.h"

static ImpastoOptions *
describe_options (const char *subject, GError **error)
{
  return impasto_describe_options_new (subject);
}

static int
describe_run (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  if (arguments->n_words != 1) {
    g_autofree char *names = g_strjoinv (", ", (char **) impasto_nets ());
    return complain_usage ("describe wants one network (%s), style or pack", names);
  }
  g_autofree char *what = arguments_run_word (arguments, &error);
  g_autofree char *text = what ? impasto_describe (what, arguments->options, &error) : NULL;
  if (!text)
    return complain (error);
  fputs (text, stdout);
  return 0;
}

const struct command command_describe = {
  .name = "describe",
  .summary = "Shows what a network, a style pack or a model is made of",
  .usage = "NET | STYLE | PACK | MODEL | RUN",
  .examples = {"impasto describe style --width 32", "impasto describe mine.safetensors --size 512x512 --format plan"},
  .notes =
    "Models are what impasto train gan makes and what Keras saves (.h5); a RUN of training (its folder, name or\n"
    "number; RUN:NAME of several styles) is what it has learnt so far.\n"
    "Networks: style, vgg19, resnet18, perceptual, arbitrary, patch, dcgan-28, noise-gan-28, vae-28, dcgan-64,\n"
    "painter-gan, anime, classifier; impasto describe NET --help lists their settings.",
  .has_subjects = true,
  .options = describe_options,
  .run = describe_run,
};
