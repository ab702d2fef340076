/* SPDX-License-Identifier: Apache-2.0
 *
 * Generators from files of either kind, as graphs and as ONNX models. */
#include "effect/generator.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "effect/options.h"
#include "net/manifest.h"
#include "onnx/export.h"
#include "train/gan_file.h"

static bool
is_hdf5 (const char *path)
{
  char head[8];
  FILE *file = g_file_test (path, G_FILE_TEST_IS_REGULAR) ? fopen (path, "rb") : NULL;
  size_t size = file ? fread (head, 1, sizeof head, file) : 0;
  if (file)
    fclose (file);
  return hdf5_matches (head, size) || g_str_has_suffix (path, ".h5") || g_str_has_suffix (path, ".hdf5");
}

bool
generator_matches (const char *path)
{
  if (is_hdf5 (path) || gan_checkpoint_matches (path))
    return true;
  g_autofree char *name = g_file_test (path, G_FILE_TEST_IS_REGULAR) ? manifest_network (path) : NULL;
  const struct net *net = name ? net_find (name) : NULL;
  return net && gan_preset_of (net);
}

static bool
load_file (struct generator *generator, GError **error)
{
  const char *path = generator->path;
  if (gan_checkpoint_matches (path) || g_file_test (path, G_FILE_TEST_IS_DIR))
    return (generator->file = gan_checkpoint_load (path, error)) != NULL;
  g_autofree char *name = manifest_network (path);
  const struct net *net = name ? net_find (name) : NULL;
  if (net && gan_preset_of (net))
    return (generator->file = net_file_load (path, net, error)) != NULL;
  g_autofree char *shown = name ? text_show (name) : NULL;
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: there is no such file", path);
  else if (name)
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: holds a network \"%s\"; what impasto train gan makes is wanted", path, shown);
  else
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: is no model, run or checkpoint of impasto train gan, and no model of Keras (.h5)", path);
  return false;
}

struct generator *
generator_load (const char *path, GError **error)
{
  g_autoptr (generator) generator = g_new0 (struct generator, 1);
  generator->path = g_strdup (path);
  if (!is_hdf5 (path))
    return load_file (generator, error) ? g_steal_pointer (&generator) : NULL;
  generator->last = true;
  generator->keras = keras_load (path, error);
  return generator->keras ? g_steal_pointer (&generator) : NULL;
}

void
generator_free (struct generator *generator)
{
  if (!generator)
    return;
  g_free (generator->path);
  net_file_free (generator->file);
  keras_free (generator->keras);
  g_free (generator);
}

static sym
build_keras (const struct keras *keras, struct graph *graph, int64_t n, int64_t h, int64_t w, struct weights *weights)
{
  sym input[KERAS_INPUTS_MAX];
  for (int i = 0; i < keras->n_inputs; i++) {
    struct shape shape = keras_input_shape (keras, i);
    shape.dim[0] = n;
    for (int a = 1; a < shape.rank; a++)
      if (!shape.dim[a])
        shape.dim[a] = shape.rank == 4 && a == 1 ? h : w;
    if (shape.rank < 2)
      return graph_fail (graph, "its input %s does not say of what shape it is", keras_input_name (keras, i));
    input[i] = graph_input (graph, keras_input_name (keras, i), shape);
  }
  return keras_build (keras, input, weights);
}

sym
generator_build (const struct generator *generator, struct graph *graph, int64_t n, int64_t h, int64_t w,
                 struct weights *weights)
{
  if (generator->keras)
    return build_keras (generator->keras, graph, n, h, w, weights);
  const struct gan_net *net = generator->file->settings;
  struct weights *own = generator->file->weights;
  for (guint i = 0; i < weights_count (own); i++)
    weights_add (weights, weights_name (own, i), weights_at (own, i));
  struct gan_pass pass = {.net = net, .labels = gan_labels (graph, n, net), .code = gan_code (graph, n, net)};
  return gan_generator (graph_input (graph, "z", SHAPE (n, net->latent)), gan_preset_of (generator->file->net), pass);
}

const char *
generator_range (const struct generator *generator)
{
  const char *activation = generator->keras ? keras_range (generator->keras) : "tanh";
  return g_str_equal (activation, "tanh") ? "-1..1" : g_str_equal (activation, "sigmoid") ? "0..1" : NULL;
}

struct gan_net
generator_noise_net (const struct generator *generator)
{
  if (generator->file)
    return *(const struct gan_net *) generator->file->settings;
  struct shape z = keras_input_shape (generator->keras, 0);
  int64_t latent = z.rank == 2 ? z.dim[1] : 0;
  return (struct gan_net){.latent = latent,
                          .kinds = keras_noise_kinds (keras_input_name (generator->keras, 0), latent)};
}

char *
generator_noise (const struct generator *generator)
{
  struct gan_net net = generator_noise_net (generator);
  if (!net.kinds)
    return NULL;
  return g_strdup_printf ("normal; one of the first %d numbers, drawn evenly, is larger by %g", (int) net.kinds,
                          gan_kind_step (&net));
}

bool
generator_export (const struct generator *generator, int opset, bool half, const char *path, GByteArray *into,
                  GError **error)
{
  const struct net_file *file = generator->file;
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (graph) graph = graph_new (), other = graph_new ();
  g_autofree char *name = g_path_get_basename (generator->path);
  /* extents that differ all, so that what stays the same is what does not depend on them */
  graph_output (graph, "picture", generator_build (generator, graph, 1, 44, 52, weights));
  graph_output (other, "picture", generator_build (generator, other, 3, 68, 76, weights));
  g_autofree char *noise = generator_noise (generator);
  const char *metadata[] = {
    "title",      file ? file->title : generator->keras->name,
    "license",    file ? file->license : NULL,
    "provenance", file ? file->provenance : NULL,
    "network",    file ? file->net->name : "Keras",
    "noise",      noise,
    "range",      generator_range (generator),
    "layout",     generator->last ? "nhwc" : "nchw",
    NULL,
  };
  struct onnx_export_options options = {
    .opset = opset, .half = half, .name = name, .version = impasto_version (), .metadata = metadata, .into = into};
  g_autoptr (GError) local = NULL;
  if (onnx_export (graph, other, weights, &options, path, &local))
    return true;
  if (local->code == IMPASTO_ERROR_MODEL && !g_str_has_prefix (local->message, generator->path))
    g_prefix_error (&local, "%s: ", generator->path);
  g_propagate_error (error, g_steal_pointer (&local));
  return false;
}
