/* SPDX-License-Identifier: Apache-2.0
 *
 * Feature networks and classifiers as eyes; see sets_eye.h. Float32, so that a figure is the same on every machine but
 * for rounding. */
#include "effect/sets_eye.h"

#include <string.h>

#include "base/text.h"
#include "effect/styles.h"
#include "net/manifest.h"
#include "train/trainer.h"

static const char *
part_name (int part)
{
  static const char *const names[FEATURE_TAPS] = {"part0", "part1", "part2", "part3"};
  return names[part];
}

char *
eye_find (const char *given, GError **error)
{
  g_autofree char *name = given ? g_strconcat (given, ".safetensors", NULL) : g_strdup (FEATURES_FILE);
  if (given && g_file_test (given, G_FILE_TEST_IS_REGULAR))
    return g_strdup (given);
  char *found = given && strchr (given, '/') ? NULL : style_folders_find (name);
  if (!found && given)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: there is no such file, nor %s in the folders where `impasto styles` looks", given, name);
  else if (!found)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "no feature network: there is no " FEATURES_FILE "; name one with --features FILE");
  return found;
}

static void
build_features (struct eye *eye, sym picture)
{
  struct feature_tap taps[FEATURE_TAPS];
  features_build (eye->features, picture, FEATURE_TAPS - 1, taps);
  for (int part = 0; part < FEATURE_TAPS; part++) {
    eye->part[part] = sym_shape (taps[part].x).rank == 4 ? sym_shape (taps[part].x).dim[1] : 0;
    graph_output (picture.graph, part_name (part), sym_mean (taps[part].x, AXES_HW));
  }
  eye->n_parts = FEATURE_TAPS;
}

static void
build_reader (struct eye *eye, sym picture)
{
  struct classifier classifier = classifier_net (picture, eye->reader->settings, false, 0);
  eye->part[0] = sym_shape (classifier.features).dim[1];
  eye->n_parts = 1;
  graph_output (picture.graph, part_name (0), classifier.features);
  graph_output (picture.graph, "classes", sym_softmax (classifier.logits, 1));
}

static bool
compile (struct eye *eye, int threads, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = eye->reader ? weights_ref (eye->reader->weights) : weights_new ();
  const struct plan_options options = {
    .precision = PRECISION_F32, .threads = threads, .memory_limit = cpu_memory_available ()};
  sym picture = graph_input (graph, "picture", SHAPE (EYE_BATCH, eye->channels, eye->side, eye->side));
  if (eye->reader) {
    build_reader (eye, picture);
  } else {
    features_add_weights (eye->features, weights, "eye");
    graph_push (graph, "eye");
    build_features (eye, picture);
    graph_pop (graph);
  }
  for (int part = 0; part < eye->n_parts; part++)
    eye->d += eye->part[part];
  eye->plan = plan_compile (graph, weights, &options, error);
  return eye->plan != NULL;
}

/* The names of the classes, as training found them; numbers where the file does not tell. */
static void
name_classes (struct eye *eye)
{
  g_auto (GStrv) names = net_file_class_names (eye->reader, eye->n_classes);
  for (int k = 0; k < eye->n_classes; k++)
    g_ptr_array_add (eye->names, text_show (names[k]));
}

bool
eye_open (struct eye *eye, const char *given, int side, int threads, GError **error)
{
  g_autofree char *path = eye_find (given, error);
  g_autofree char *network = path ? manifest_network (path) : NULL;
  eye->side = side;
  eye->channels = 3;
  eye->names = g_ptr_array_new_with_free_func (g_free);
  if (!path)
    return false;
  if (!network || !g_str_equal (network, net_classifier.name)) {
    eye->features = features_load (path, error);
    return eye->features && compile (eye, threads, error);
  }
  eye->reader = net_file_load (path, &net_classifier, error);
  if (!eye->reader)
    return false;
  const struct classifier_net *net = eye->reader->settings;
  eye->side = (int) net->size;
  eye->channels = (int) net->channels;
  eye->n_classes = (int) net->classes;
  name_classes (eye);
  return compile (eye, threads, error);
}

void
eye_close (struct eye *eye)
{
  g_clear_pointer (&eye->plan, plan_free);
  g_clear_pointer (&eye->features, features_free);
  g_clear_pointer (&eye->reader, net_file_free);
  g_clear_pointer (&eye->names, g_ptr_array_unref);
}

char *
eye_name (const struct eye *eye)
{
  if (!eye->reader)
    return g_strdup (features_name (eye->features));
  return g_strdup_printf ("the classifier \"%s\"", eye->reader->title ? eye->reader->title : "without a title");
}

void
eye_look (struct eye *eye, int n, GArray *x, GArray *p)
{
  plan_run (eye->plan, 0, 0);
  for (int i = 0; i < n; i++)
    for (int part = 0; part < eye->n_parts; part++)
      g_array_append_vals (x, tensor_floats (plan_output (eye->plan, part_name (part))) + i * eye->part[part],
                           (guint) eye->part[part]);
  if (eye->n_classes)
    g_array_append_vals (p, tensor_floats (plan_output (eye->plan, "classes")), (guint) (n * eye->n_classes));
}
