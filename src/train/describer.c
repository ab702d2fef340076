/* SPDX-License-Identifier: Apache-2.0
 *
 * One painting after another, each through a plan of its own size. */
#include "train/describer.h"

#include <string.h>

#include "device/cpu.h"
#include "image/pixels.h"
#include "impasto/error.h"
#include "net/net_file.h"
#include "net/pack.h"

#define MULTIPLE 16 /* of a painting's sides: as method image sees it */

bool
describe_picture (const struct net_file *net, const struct picture *painting, struct plan_options options, float *out,
                  GError **error)
{
  options.precision = PRECISION_F32;
  g_autoptr (graph) graph = graph_new ();
  sym picture = graph_input (graph, "picture", SHAPE (1, 3, painting->height, painting->width));
  graph_output (graph, "descriptor", perceptual_descriptor (picture, net->settings));
  g_autoptr (plan) plan = plan_compile (graph, net->weights, &options, error);
  if (!plan)
    return false;
  struct tensor *input = plan_input (plan, "picture");
  memcpy (tensor_floats (input), painting->rgb, input->size);
  plan_run (plan, 0, 0);
  const struct tensor *descriptor = plan_output (plan, "descriptor");
  memcpy (out, descriptor->data, descriptor->size);
  if (tensor_find_nonfinite (descriptor) < 0)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC, "%s gave NaN or infinity for a painting", net->path);
  return false;
}

struct tensor *
describe_paintings (const char *network, char **paths, int n, struct plan_options options, GError **error)
{
  g_autoptr (net_file) net = net_file_load (network, &net_perceptual, error);
  int64_t d = net ? perceptual_descriptor_size (net->settings) : 0;
  if (net && d > PACK_DESCRIPTOR_MAX) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: too wide to describe paintings by", network);
    return NULL;
  }
  g_autoptr (tensor) all = net ? tensor_new (SHAPE (n, d), DTYPE_F32, error) : NULL;
  options.memory_limit = cpu_memory_available ();
  for (int i = 0; all && i < n; i++) {
    g_autoptr (picture) whole = picture_load (paths[i], 0, error);
    g_autoptr (picture) painting = whole ? picture_fit (whole, PACK_DESCRIPTOR_SIZE, MULTIPLE, false, error) : NULL;
    if (!painting || !describe_picture (net, painting, options, tensor_floats (all) + i * d, error))
      return NULL;
  }
  return g_steal_pointer (&all);
}
