/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto generate: pictures from a trained generator, on a sheet or one by one. */
#include <stdio.h>

#include "command.h"

static const ImpastoOption options[] = {
  {"output", IMPASTO_OPTION_STRING,
   "the sheet, otherwise generated.png in the current folder; drawn/ (a folder) or drawn.idx: pictures one by one",
   .metavar = "FILE"},
  {NULL},
};

static ImpastoOptions *
generate_options (const char *subject, GError **error)
{
  ImpastoOptions *all = impasto_generate_options_new ();
  impasto_options_add (all, "File", options);
  return all;
}

static int
generate_run (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *given = arguments_text (arguments, "output");
  const char *path = *given ? given : "generated.png";
  if (arguments->n_words != 1)
    return complain_usage ("generate wants one model, made by impasto train gan");
  bool there = g_file_test (path, G_FILE_TEST_EXISTS) && !g_file_test (path, G_FILE_TEST_IS_DIR);
  if (there && !arguments_flag (arguments, "overwrite")) {
    g_set_error (&error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s is there already; --overwrite replaces it", path);
    return complain (error);
  }
  g_autofree char *model = arguments_run_word (arguments, &error);
  if (!model || !impasto_generate (model, arguments->options, path, &error))
    return complain (error);
  print_written (arguments, path);
  return 0;
}

const struct command command_generate = {
  .name = "generate",
  .summary = "Draws pictures with a trained generator",
  .usage = "MODEL | RUN [-n 64] [--class 3] [--category 2] [--code 0.5] [--interpolate 12]"
           " [-o SHEET|DIR/|FILE.idx]",
  .examples = {"impasto generate digits.safetensors -n 64 --seed 1 -o sheet.png",
               "impasto generate digits.safetensors --interpolate 12 -o walk.gif"},
  .notes =
    "Models are what impasto train gan makes, or generators that Keras saved (.h5); of a RUN (its folder, name or\n"
    "number) the latest checkpoint draws. The same model and seed draw the same pictures; more of them, or other\n"
    "columns, leave the first ones as they are. With classes or categories a column stands for each; the categories\n"
    "of a row are drawn from the same noise. --sweep shows what a number of the code does. In a folder, and in IDX\n"
    "files (MNIST's form, for grey pictures), each is a picture of its own (-n 10000 -o drawn.idx); those of a\n"
    "conditional model come with their classes, as folders of their names or as a file of labels:\n"
    "-o drawn-images-idx3-ubyte writes drawn-labels-idx1-ubyte too.",
  .options = generate_options,
  .run = generate_run,
};
