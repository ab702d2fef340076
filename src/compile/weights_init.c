/* SPDX-License-Identifier: Apache-2.0
 *
 * First values of parameters: a pure function of the seed and the parameter's name. */
#include "base/random.h"
#include "compile/plan.h"

/* A stream for each parameter from its name (FNV-1a), so that adding one does not change the others. */
static uint32_t
name_hash (const char *name)
{
  uint32_t hash = 2166136261u;
  for (; *name; name++)
    hash = (hash ^ (uint8_t) *name) * 16777619u;
  return hash;
}

bool
weights_init (struct weights *weights, const struct graph *graph, uint64_t seed, GError **error)
{
  for (int id = 0; id < graph_count (graph); id++) {
    const struct node *node = graph_node (graph, id);
    if (node->op != &op_parameter || weights_find (weights, node->name))
      continue;
    g_autoptr (tensor) tensor = tensor_new (node->shape, DTYPE_F32, error);
    if (!tensor)
      return false;
    float *w = tensor_floats (tensor);
    struct random_key key = {.seed = seed, .stream = name_hash (node->name)};
    for (int64_t i = 0, n = shape_size (&node->shape); i < n; i++)
      switch (node->init.kind) {
      case INIT_ZERO: w[i] = 0; break;
      case INIT_CONSTANT: w[i] = node->init.value; break;
      case INIT_NORMAL: w[i] = node->init.value * random_normal (key, i); break;
      case INIT_UNIFORM: w[i] = node->init.value * (2 * random_uniform (key, i) - 1); break;
      }
    weights_add (weights, node->name, tensor);
  }
  return true;
}
