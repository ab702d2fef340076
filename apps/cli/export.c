/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto export: a style, a generator or a model of Keras as a file for other programs. */
#include <stdio.h>

#include "command.h"

static const ImpastoOption options[] = {
  {"output", IMPASTO_OPTION_STRING, "the file; otherwise NAME.onnx in the current folder", .metavar = "FILE"},
  {"overwrite", IMPASTO_OPTION_BOOLEAN, "replace a file that is there already"},
  {NULL},
};

static ImpastoOptions *
export_options (const char *subject, GError **error)
{
  ImpastoOptions *all = impasto_export_options_new ();
  impasto_options_add (all, "File", options);
  return all;
}

static int
export_run (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = arguments_text (arguments, "output");
  if (arguments->n_words > 1)
    return complain_usage ("export takes one pack, style or model, not '%s' too", arguments->words[1]);
  if (arguments->n_words == 1 && !impasto_options_set (arguments->options, "pack", arguments->words[0], &error))
    return complain (error);
  g_autofree char *pack = arguments_text (arguments, "pack");
  bool mix = !*pack; /* of a pack --style names one of its own */
  if (!arguments_take_run (arguments, "pack", NULL, &error) ||
      (mix && !arguments_take_mix (arguments, "style", &error)) ||
      !arguments_take_run (arguments, "judge", NULL, &error))
    return complain (error);
  if (!*path) {
    g_free (path);
    path = impasto_export_name (arguments->options, &error);
  }
  if (!path)
    return complain (error);
  bool there = g_file_test (path, G_FILE_TEST_EXISTS) && !g_file_test (path, G_FILE_TEST_IS_DIR);
  if (there && !arguments_flag (arguments, "overwrite")) {
    if (!impasto_result_can_replace (path, &error))
      return complain (error);
    g_set_error (&error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s is there already; --overwrite replaces it", path);
    return complain (error);
  }
  if (!impasto_export (arguments->options, path, &error))
    return complain (error);
  print_written (arguments, path);
  return 0;
}

const struct command command_export = {
  .name = "export",
  .summary = "Writes a style or a generator as a model for other programs",
  .usage = "[PACK | STYLE | MODEL | RUN] [--style NAME] [-o FILE.onnx | FILE.h5 | FILE.safetensors]",
  .examples = {"impasto export starry-night -o starry.onnx", "impasto export digits.safetensors -o digits.h5"},
  .notes =
    "The model takes sRGB pictures (batch, 3, height, width) of any size and gives paintings of the same size, as\n"
    "impasto paint does. Licence and provenance of the weights are inside. A generator becomes an ONNX model, or\n"
    "what Keras would have saved; what Keras saved (.h5) becomes an ONNX model. A RUN of training (its\n"
    "folder, name or number) is what it has learnt so far; -o FILE.safetensors makes a pack or a model of it.",
  .options = export_options,
  .run = export_run,
};
