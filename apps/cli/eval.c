/* SPDX-License-Identifier: Apache-2.0
 *
 * impasto eval: figures of paintings, a row each: how near to the style and to the photograph, how near to another
 * picture, whether tiles show. A bad file is reported and does not stop the rest. */
#include <json-glib/json-glib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval.h"
#include "progress.h"
#include "files.h"

static const ImpastoOption options[] = {
  {"content", IMPASTO_OPTION_STRING,
   "the photograph that was painted, or a folder of them: how far the scene is from it", .metavar = "PHOTO"},
  {"against", IMPASTO_OPTION_STRING, "a picture that each should equal, or a folder of them: PSNR, SSIM, differences",
   .metavar = "PICTURE"},
  {"recursive", IMPASTO_OPTION_BOOLEAN, "folders with all that is below"},
  {"json", IMPASTO_OPTION_BOOLEAN, "a JSON line a picture instead of a table"},
  {NULL},
};

static ImpastoOptions *
eval_options (const char *subject, GError **error)
{
  ImpastoOptions *all = impasto_eval_options_new ();
  impasto_eval_sets_options (all);
  impasto_options_add (all, "Files", options);
  return all;
}

/* The pictures that belong to those looked at: one for all, or a folder's by name. */
struct partners {
  char *word;       /* as given; "" when there are none */
  GPtrArray *files; /* struct input, of a folder; else NULL */
};

static bool
partners_init (struct partners *partners, const struct arguments *arguments, const char *name, GError **error)
{
  partners->word = arguments_text (arguments, name);
  if (!g_file_test (partners->word, G_FILE_TEST_IS_DIR))
    return true;
  char *words[] = {partners->word, NULL};
  partners->files = inputs_collect (words, arguments_flag (arguments, "recursive"), "");
  for (guint i = 0; i < partners->files->len; i++)
    if (!((const struct input *) partners->files->pdata[i])->error)
      return true;
  const struct input *first = partners->files->pdata[0]; /* there are none, and why */
  g_propagate_error (error, g_error_copy (first->error));
  return false;
}

/* Reports the folders below that cannot be read, and takes them out; the status of the first, 0 when there are none. */
static int
partners_drop_unreadable (struct partners *partners)
{
  int status = 0;
  for (guint i = 0; partners->files && i < partners->files->len;) {
    const struct input *file = partners->files->pdata[i];
    if (!file->error) {
      i++;
      continue;
    }
    int own = complain (file->error);
    status = status ? status : own;
    g_ptr_array_remove_index (partners->files, i);
  }
  return status;
}

static void
partners_clear (struct partners *partners)
{
  g_clear_pointer (&partners->word, g_free);
  g_clear_pointer (&partners->files, g_ptr_array_unref);
}

/* Length of a name without its extension. */
static size_t
stem_length (const char *relative)
{
  const char *slash = strrchr (relative, G_DIR_SEPARATOR), *dot = strrchr (slash ? slash : relative, '.');
  return dot && dot > relative ? (size_t) (dot - relative) : strlen (relative);
}

/* The file of the same name, whatever the extension; otherwise the longest name that the picture's continues with '-'
 * or '_': harbour.jpg for harbour-great-wave.png. NULL without @error: there are no partners. */
static const char *
partner_of (const struct partners *partners, const struct input *input, GError **error)
{
  const struct input *best = NULL;
  size_t length = stem_length (input->relative), best_length = 0;
  if (!partners->files)
    return *partners->word ? partners->word : NULL;
  for (guint i = 0; i < partners->files->len; i++) {
    const struct input *file = partners->files->pdata[i];
    size_t n = stem_length (file->relative);
    if (n > length || n <= best_length || strncmp (file->relative, input->relative, n) != 0)
      continue;
    if (n == length || input->relative[n] == '-' || input->relative[n] == '_') {
      best = file;
      best_length = n;
    }
  }
  if (!best)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: there is no picture of its name in %s", input->path,
                 partners->word);
  return best ? best->path : NULL;
}

struct job {
  const struct arguments *arguments;
  bool json;
  ImpastoEvaluator *evaluator;
  struct partners content, against;
  GPtrArray *inputs;
  int name_width;
  double sums[IMPASTO_FIGURES]; /* of those rows that have the figure */
  guint counts[IMPASTO_FIGURES], rows;
  int status; /* of the first picture or folder that failed */
};

enum { COLUMN = 9 }; /* characters of a figure at least */

static void
print_figures (const ImpastoFigures *figures, const double *values)
{
  for (int i = 0; i < figures->n_figures; i++) {
    int width = MAX (COLUMN, (int) strlen (figures->figure[i].name));
    if (isnan (values[i]))
      printf ("  %*s", width, "-");
    else
      printf ("  %*.5g", width, values[i]);
  }
  putchar ('\n');
}

/* Pads by characters, not bytes. */
static void
print_name (const struct job *job, const char *name)
{
  printf ("%s%*s", name, MAX (0, job->name_width - (int) g_utf8_strlen (name, -1)), "");
}

static void
print_row (struct job *job, const struct input *input, const ImpastoFigures *figures)
{
  double values[IMPASTO_FIGURES];
  if (job->rows == 0) {
    print_name (job, "picture");
    for (int i = 0; i < figures->n_figures; i++)
      printf ("  %*s", COLUMN, figures->figure[i].name);
    putchar ('\n');
  }
  for (int i = 0; i < figures->n_figures; i++) {
    values[i] = figures->figure[i].value;
    job->sums[i] += isnan (values[i]) ? 0 : values[i];
    job->counts[i] += !isnan (values[i]);
  }
  job->rows++;
  print_name (job, input->relative);
  print_figures (figures, values);
  fflush (stdout); /* large pictures take their time */
}

static void
print_json (const struct input *input, const ImpastoFigures *figures)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "picture", input->path);
  json_object_set_int_member (object, "width", figures->width);
  json_object_set_int_member (object, "height", figures->height);
  for (int i = 0; i < figures->n_figures; i++) {
    if (isfinite (figures->figure[i].value))
      json_object_set_double_member (object, figures->figure[i].name, figures->figure[i].value);
    else
      json_object_set_null_member (object, figures->figure[i].name);
  }
  print_json_line (object);
}

static void
print_json_error (const struct input *input, const GError *error)
{
  JsonObject *object = json_object_new ();
  json_object_set_string_member (object, "picture", input->path);
  json_object_set_string_member (object, "error", error->message);
  print_json_line (object);
}

static bool
look_at (struct job *job, const struct input *input, ImpastoFigures *figures, GError **error)
{
  g_autoptr (GError) local = input->error ? g_error_copy (input->error) : NULL;
  const char *content = local ? NULL : partner_of (&job->content, input, &local);
  const char *against = local ? NULL : partner_of (&job->against, input, &local);
  if (!local)
    return impasto_evaluator_run (job->evaluator, input->path, content, against, figures, error);
  g_propagate_error (error, g_steal_pointer (&local));
  return false;
}

static void
evaluate_input (struct job *job, const struct input *input, ImpastoFigures *figures)
{
  g_autoptr (GError) error = NULL;
  bool ok = look_at (job, input, figures, &error);
  if (ok)
    print_notes (job->arguments, figures->notes);
  if (ok && job->json)
    print_json (input, figures);
  else if (ok)
    print_row (job, input, figures);
  else {
    int status = complain (error);
    job->status = job->status ? job->status : status;
    if (job->json)
      print_json_error (input, error);
  }
}

static void
evaluate_inputs (struct job *job)
{
  ImpastoFigures last = {0};
  for (guint i = 0; i < job->inputs->len; i++) {
    ImpastoFigures figures = {0};
    evaluate_input (job, job->inputs->pdata[i], &figures);
    impasto_figures_clear (&figures);
    last = figures.n_figures ? figures : last;
  }
  if (job->rows < 2)
    return;
  for (int i = 0; i < last.n_figures; i++)
    job->sums[i] /= job->counts[i];
  print_name (job, "mean");
  print_figures (&last, job->sums);
}

static bool
start (struct job *job, const struct arguments *arguments, GError **error)
{
  g_autofree char *style = arguments_text (arguments, "style-image"), *tile = arguments_text (arguments, "tile");
  const char *complaint = NULL;
  if (!partners_init (&job->content, arguments, "content", error) ||
      !partners_init (&job->against, arguments, "against", error))
    return false;
  if (arguments->n_words == 0)
    complaint = "eval wants pictures; impasto eval --help shows how";
  else if (!*style && !*tile && !*job->content.word && !*job->against.word)
    complaint = "eval wants something to hold pictures against: --style-image, --content, --against, --tile or --reals";
  else if (arguments_flag (arguments, "preview") && !*job->against.word)
    complaint = "--preview goes with --against";
  if (complaint) {
    g_set_error_literal (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, complaint);
    return false;
  }
  job->status = partners_drop_unreadable (&job->content);
  int status = partners_drop_unreadable (&job->against);
  job->status = job->status ? job->status : status;
  job->json = arguments_flag (arguments, "json");
  job->inputs = inputs_collect (arguments->words, arguments_flag (arguments, "recursive"), "");
  job->name_width = strlen ("picture");
  for (guint i = 0; i < job->inputs->len; i++)
    job->name_width =
      MAX (job->name_width, (int) g_utf8_strlen (((const struct input *) job->inputs->pdata[i])->relative, -1));
  job->evaluator = impasto_evaluator_new (arguments->options, *job->content.word, error);
  return job->evaluator != NULL;
}

static int
eval_run (const struct arguments *arguments)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *reals = arguments_text (arguments, "reals");
  struct job job = {.arguments = arguments};
  if (*reals)
    return eval_sets (arguments);
  if (start (&job, arguments, &error))
    evaluate_inputs (&job);
  else
    job.status = complain (error);
  g_clear_pointer (&job.evaluator, impasto_evaluator_free);
  g_clear_pointer (&job.inputs, g_ptr_array_unref);
  partners_clear (&job.content);
  partners_clear (&job.against);
  return job.status;
}

const struct command command_eval = {
  .name = "eval",
  .summary = "Measures paintings: distance from style, photograph or another picture; and sets of samples",
  .usage = "PICTURE... [--style-image PAINTING] [--content PHOTO] [--against PICTURE] [--tile WxH]\n"
           "       impasto eval SAMPLES --reals PLACE [--classes]",
  .examples =
    {
      "impasto eval painting.png --content photo.jpg --style-image starry-night.jpg --features vgg19.safetensors",
      "impasto eval painted/ --against reference/ --json",
      "impasto eval preview.png --against print.tif --preview --tile 512x512",
      "impasto eval samples/ --reals photos/ --crop 64 --nearest 10",
      "impasto eval drawn.idx --reals digits/ --features digits",
    },
  .notes =
    "style_distance and content_distance are the losses of training (0 = equal); palette_distance compares mean\n"
    "and deviation of the colours, color_distance how much there is of each. With --style-image, mesh is what\n"
    "shows of the grid of four pixels a network paints on: in pictures of 500 pixels and more, below 0.5 nothing\n"
    "does (detail of smaller ones adds to it). With --content, calm and alike tell how much squares differ in\n"
    "the painting: neighbours that are equal in the photograph, and any two flat ones of one colour, that is\n"
    "skies with spots and skies of two colours (photographs themselves have some 3). These, differences, and\n"
    "steps across the lines of tiles are of 8-bit samples, 0..255;\n"
    "worst_seam is by how much one edge of a tile steps more than the pixels beside it: 0 or less is no seam.\n"
    "With a folder for --content or --against, pictures are paired by name: a/harbour-great-wave.png with\n"
    "a/harbour.jpg. Colours are compared in sRGB, alpha on white. In JSON the psnr of equal pictures is null,\n"
    "and what cannot be measured has an error in the place of figures.\n"
    "With --reals: frechet and kernel distance (0 is equal), precision and recall, and whether samples are copies: "
    "to_real\n"
    "is the median distance to the nearest real picture, among_real that between those, copies the share of samples\n"
    "nearer than 99 in 100 of those. --features digits (or a file of impasto train classifier) compares as a "
    "classifier\n"
    "sees, and tells how it reads the samples: classes, and how sure it is. Figures compare only for one\n"
    "feature network, --crop and number of pictures.",
  .options = eval_options,
  .run = eval_run,
};
