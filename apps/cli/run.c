/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto run: any network that comes as an ONNX file or from Keras, on pictures and arrays. */
#include <stdio.h>

#include "command.h"

static const ImpastoOption options[] = {
  {"input", IMPASTO_OPTION_STRING, "a picture or .npy file, in the model's order or by name; may be given again",
   .metavar = "[NAME=]FILE"},
  {"output", IMPASTO_OPTION_STRING, "likewise, replacing what is there; without one only shapes and values are printed",
   .metavar = "[NAME=]FILE"},
  {"info", IMPASTO_OPTION_BOOLEAN,
   "print inputs, outputs, opset, ops, parameters, metadata, and what is not supported"},
  {NULL},
};

static const char *const lists[] = {"input", "output", NULL};

static ImpastoOptions *
run_options (const char *subject, GError **error)
{
  ImpastoOptions *all = impasto_run_options_new ();
  impasto_options_add (all, "Files", options);
  return all;
}

static int
print_info (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ImpastoModel) model = impasto_model_open (arguments->words[0], NULL, &error);
  if (!model)
    return complain (error);
  g_autofree char *text = impasto_model_describe (model);
  fputs (text, stdout);
  return 0;
}

static int
run_run (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  if (arguments->n_words < 1)
    return complain_usage ("run wants a model; impasto run --help shows how");
  if (arguments_flag (arguments, "info"))
    return print_info (arguments);
  g_auto (GStrv) named = arguments_list (arguments, "input"), outputs = arguments_list (arguments, "output");
  g_autoptr (GPtrArray) inputs = g_ptr_array_new ();
  for (guint i = 1; i < arguments->n_words; i++)
    g_ptr_array_add (inputs, arguments->words[i]);
  for (char **one = named; *one; one++)
    g_ptr_array_add (inputs, *one);
  g_ptr_array_add (inputs, NULL);
  g_autofree char *summary = NULL, *notes = NULL;
  bool ok = impasto_run (arguments->words[0], arguments->options, (const char *const *) inputs->pdata,
                         (const char *const *) outputs, &summary, &notes, &error);
  print_notes (arguments, notes);
  if (!ok)
    return complain (error);
  if (!*outputs)
    fputs (summary, stdout);
  return 0;
}

const struct command command_run = {
  .name = "run",
  .summary = "Runs any network that comes as an ONNX model, or as Keras saved it",
  .usage = "MODEL.onnx | MODEL.h5 [IN...] [-o OUT]",
  .examples =
    {
      "impasto run esrgan.onnx photo.jpg -o large.png",
      "impasto run model.onnx --input x=x.npy --input sigma=s.npy --output y=y.npy",
      "impasto run model.onnx --info",
    },
  .notes = "Files ending in .npy are arrays, all others pictures. A picture is one input of 1, 3 or 4 channels.",
  .lists = lists,
  .options = run_options,
  .run = run_run,
};
