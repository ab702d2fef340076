/* SPDX-License-Identifier: Apache-2.0
 *
 * A generator that Keras trained as the weights of a preset of ours, to go on from. Which number of Keras's is which of
 * ours is known by writing: the preset is written with weights that are their own numbers, and its layers are laid
 * beside those of the file. */
#include <string.h>

#include "impasto/error.h"
#include "net/keras_gan.h"
#include "net/keras_internal.h"

#define NUMBERS_MAX (1 << 24) /* whole numbers that a float tells apart */
#define EPSILON 1e-5          /* of net/layers.h */

static bool
fail (GError **error, const struct keras *keras, const struct gan_preset *preset, const char *what)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: is no %s of these settings: %s", keras->path,
               preset->net.name, what);
  return false;
}

/* The weights of a graph, each number its place among all; @taken gets tensors of the same shapes. */
static struct weights *
numbered (struct graph *graph, struct weights *taken, GError **error)
{
  g_autoptr (weights) weights = weights_new ();
  int64_t n = 0;
  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    if (node->op != &op_parameter || g_str_has_prefix (node->name, "recogniser.")) /* which Keras's file has not */
      continue;
    g_autoptr (tensor) places = tensor_new (node->shape, DTYPE_F32, error),
                       own = tensor_new (node->shape, DTYPE_F32, error);
    if (!places || !own)
      return NULL;
    for (int64_t i = 0; i < shape_size (&node->shape) && n < NUMBERS_MAX; i++)
      tensor_floats (places)[i] = (float) n++;
    weights_add (weights, node->name, places);
    weights_add (taken, node->name, own);
  }
  return g_steal_pointer (&weights);
}

/* The number @place of all weights. */
static float *
number_at (struct weights *weights, int64_t place)
{
  for (guint i = 0; i < weights_count (weights); i++) {
    struct tensor *tensor = weights_at (weights, i);
    int64_t n = shape_size (&tensor->shape);
    if (place < n)
      return tensor_floats (tensor) + place;
    place -= n;
  }
  return NULL;
}

/* What does nothing to weights, and may stand elsewhere or not at all. */
static bool
counts (const struct keras_call *call)
{
  return call->kind != &keras_input && !g_str_equal (call->kind->class_name, "Dropout");
}

/* The next call from @at on that counts; NULL: none. */
static const struct keras_call *
next (const struct keras *keras, guint *at)
{
  while (*at < keras->calls->len) {
    const struct keras_call *call = keras->calls->pdata[(*at)++];
    if (counts (call))
      return call;
  }
  return NULL;
}

static const struct tensor *
weight_of (const struct keras *keras, const struct keras_call *call, const char *leaf)
{
  g_autofree char *key = call->nested ? g_strdup_printf ("%s/%s/%s", call->group, call->name, leaf)
                                      : g_strdup_printf ("%s/%s", call->group, leaf);
  return g_hash_table_lookup (keras->weights, key);
}

/* Copies the layer @theirs to where the layer @ours, of numbers, says. Ours has one epsilon: another's difference is
 * the variance's. */
static bool
take_layer (const struct keras *keras, const struct keras *own, const struct keras_call *theirs,
            const struct keras_call *ours, struct weights *taken)
{
  static const char *const leaves[] = {"kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"};
  for (size_t i = 0; i < G_N_ELEMENTS (leaves); i++) {
    const struct tensor *from = weight_of (keras, theirs, leaves[i]), *places = weight_of (own, ours, leaves[i]);
    if (!from != !places || (from && (from->dtype != DTYPE_F32 || !shape_equal (&from->shape, &places->shape) ||
                                      tensor_find_nonfinite (from) >= 0)))
      return false;
    double more = g_str_equal (leaves[i], "moving_variance") ? keras_number (theirs, "epsilon", 1e-3) - EPSILON : 0;
    for (int64_t k = 0; from && k < shape_size (&from->shape); k++) {
      float *to = number_at (taken, (int64_t) ((const float *) places->data)[k]);
      *to = (float) (((const float *) from->data)[k] + more);
    }
  }
  return true;
}

struct weights *
keras_take (const struct keras *keras, const struct gan_preset *preset, const struct gan_net *net, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) taken = weights_new ();
  preset->net.build (&preset->net, graph, net);
  g_autoptr (weights) places = graph_check (graph, error) ? numbered (graph, taken, error) : NULL;
  g_autoptr (hdf5) tree = places ? keras_tree_gan (preset, net, KERAS_GENERATOR, places, "", keras->path, error) : NULL;
  g_autoptr (keras) own = tree ? keras_from_tree (tree, keras->path, error) : NULL;
  const struct keras_call *theirs, *ours;
  guint a = 0, b = 0;
  if (!own)
    return NULL;
  if (!number_at (taken, 0) || number_at (taken, NUMBERS_MAX - 1))
    return fail (error, keras, preset, "it has too many weights"), NULL;
  do {
    theirs = next (keras, &a);
    ours = next (own, &b);
    if (!theirs && !ours)
      return g_steal_pointer (&taken);
    g_autofree char *what = g_strdup_printf ("layer %s where %s is wanted", theirs ? theirs->name : "none",
                                             ours ? ours->kind->class_name : "none");
    if (!theirs || !ours || theirs->kind != ours->kind)
      return fail (error, keras, preset, what), NULL;
  } while (take_layer (keras, own, theirs, ours, taken));
  g_autofree char *what = g_strdup_printf ("weights of layer %s have other shapes, or are not finite", theirs->name);
  return fail (error, keras, preset, what), NULL;
}
