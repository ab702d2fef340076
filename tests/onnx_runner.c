/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_runner FOLDER [-v]: runs the cases of the ONNX project's node tests that lie in FOLDER (one folder a case: model.onnx,
 * test_data_set_0/input_0.pb ...; tests/onnx_nodes.py makes them) and compares as that project does: relative 1e-3,
 * absolute 1e-7. Prints a line a case and a summary:
 *   passed
 *   other types      failed, and not of float32: doubles, halves, strings, sequences, bytes
 *   not supported    needs an op that no rule imports
 *   FAILED           float32, and all its ops are claimed
 * Exits with 1 when anything FAILED. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "onnx/model.h"
#include "onnx/session.h"

enum outcome { PASSED, OTHER_TYPES, NOT_SUPPORTED, FAILED, OUTCOMES };

static const char *const outcome_names[] = {"passed", "other types", "not supported", "FAILED"};

struct values {
  struct onnx_array array[64];
  guint n;
  bool plain; /* tensors of float, int64, int32, bool only */
};

static bool
plain_type (int type)
{
  return type == ONNX_FLOAT || type == ONNX_INT64 || type == ONNX_INT32 || type == ONNX_BOOL;
}

static void
values_clear (struct values *values)
{
  for (guint i = 0; i < values->n; i++)
    onnx_constant_unref (values->array[i].value);
}

/* The tensors input_0.pb, input_1.pb ...; one that is no tensor we know leaves a NULL value and plain false. */
static void
values_load (struct values *values, const char *folder, const char *kind, guint n)
{
  *values = (struct values){.plain = true};
  for (guint i = 0; i < MIN (n, G_N_ELEMENTS (values->array)); i++) {
    g_autofree char *path = g_strdup_printf ("%s/test_data_set_0/%s_%u.pb", folder, kind, i);
    g_autofree char *bytes = NULL;
    Onnx__TensorProto *tensor;
    gsize size;

    if (!g_file_get_contents (path, &bytes, &size, NULL))
      break;
    tensor = onnx__tensor_proto__unpack (NULL, size, (const uint8_t *) bytes);
    values->array[values->n].value = tensor ? onnx_tensor_decode (tensor, NULL, NULL) : NULL;
    values->plain &= tensor && values->array[values->n].value && plain_type (tensor->data_type);
    values->n++;
    if (tensor)
      onnx__tensor_proto__free_unpacked (tensor, NULL);
  }
}

static bool
same (const struct onnx_constant *have, const struct onnx_constant *want, char **message)
{
  if (want == NULL)
    return false;
  if (!shape_equal (&have->shape, &want->shape) || have->type != want->type) {
    g_autofree char *a = shape_text (&have->shape), *b = shape_text (&want->shape);
    *message = g_strdup_printf ("gives %s of type %d, wants %s of type %d", a, have->type, b, want->type);
    return false;
  }
  for (int64_t i = 0; i < have->count; i++) {
    double a = onnx_constant_float (have, i), b = onnx_constant_float (want, i);

    if (a == b || (isnan (a) && isnan (b)) || fabs (a - b) <= 1e-7 + 1e-3 * fabs (b))
      continue;
    *message = g_strdup_printf ("element %" G_GINT64_FORMAT " is %.9g, wants %.9g", i, a, b);
    return false;
  }
  return true;
}

static enum outcome
judge (bool plain, const char *message)
{
  if (strstr (message, "op is not supported") || strstr (message, "ops of the domain"))
    return NOT_SUPPORTED;
  return plain ? FAILED : OTHER_TYPES;
}

/* Runs a model; *@message says what is wrong. */
static enum outcome
run_model (struct onnx_model *model, const char *folder, char **message)
{
  struct plan_options options = {.precision = PRECISION_F32, .threads = 1};
  g_autoptr (onnx_session) session = onnx_session_new (model, &options);
  guint inputs = onnx_input_count (model);
  g_autoptr (GError) error = NULL;
  struct values given, wanted;
  bool plain, ok = false;
  g_autoptr (GArray) results = NULL;

  values_load (&given, folder, "input", inputs);
  values_load (&wanted, folder, "output", onnx_output_count (model));
  plain = given.plain && wanted.plain && given.n == inputs;
  for (guint i = 0; i < given.n; i++)
    given.array[i].name = onnx_input (model, i)->name;
  bool complete = true;
  for (guint i = 0; i < given.n; i++)
    complete &= given.array[i].value != NULL;
  if (complete)
    results = onnx_session_run (session, given.array, given.n, NULL, &error);
  if (results) {
    ok = true;
    for (guint i = 0; ok && i < results->len && i < wanted.n; i++)
      ok = same (g_array_index (results, struct onnx_array, i).value, wanted.array[i].value, message);
  }
  values_clear (&given);
  values_clear (&wanted);
  if (ok)
    return PASSED;
  if (*message == NULL)
    *message = g_strdup (error ? error->message : "inputs or outputs are no tensors that we know");
  return judge (plain, *message);
}

static enum outcome
run_case (const char *folder, char **message)
{
  g_autofree char *path = g_build_filename (folder, "model.onnx", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (onnx_model) model = onnx_open (path, &error);

  if (model)
    return run_model (model, folder, message);
  *message = g_strdup (error->message);
  return judge (strstr (*message, "string") == NULL, *message);
}

static int
compare_names (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  GDir *dir = argc > 1 ? g_dir_open (argv[1], 0, NULL) : NULL;
  bool verbose = argc > 2 && g_str_equal (argv[2], "-v");
  int counts[OUTCOMES] = {0};
  const char *name;

  if (dir == NULL) {
    fprintf (stderr, "usage: onnx_runner FOLDER [-v]\n");
    return 2;
  }
  while ((name = g_dir_read_name (dir)))
    g_ptr_array_add (names, g_strdup (name));
  g_dir_close (dir);
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *folder = g_build_filename (argv[1], names->pdata[i], NULL), *message = NULL;
    enum outcome outcome;

    fflush (stdout);
    outcome = run_case (folder, &message);
    counts[outcome]++;
    if (outcome == FAILED || verbose)
      printf ("%s: %s%s%s\n", outcome_names[outcome], (char *) names->pdata[i], message ? ": " : "",
              message ? message : "");
  }
  printf ("%d passed, %d other types, %d not supported, %d FAILED\n", counts[PASSED], counts[OTHER_TYPES],
          counts[NOT_SUPPORTED], counts[FAILED]);
  return counts[FAILED] > 0;
}
