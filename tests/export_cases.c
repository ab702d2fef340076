/* SPDX-License-Identifier: Apache-2.0
 *
 * The cases of ONNX export. Networks are given at two sizes and told at a third, so that a model that only fits the
 * sizes it was made from is found out. */
#include "export_cases.h"

#include <string.h>

#include "base/random.h"
#include "compile/reference.h"
#include "net/gan.h"
#include "net/layers.h"
#include "net/net.h"

static void
case_free (gpointer data)
{
  struct export_case *c = data;
  if (c->run != c->graph)
    graph_free (c->run);
  if (c->other)
    graph_free (c->other);
  graph_free (c->graph);
  weights_unref (c->weights);
  g_free (c->name);
  g_free (c);
}

/* Ops */

static void
add_op (GPtrArray *cases, const struct op *op, const struct op_case *case_)
{
  bool given = case_->low != 0 || case_->high != 0;
  struct export_case *c = g_new0 (struct export_case, 1);
  sym x[4];
  c->name = g_strdup_printf ("%s: %s", op->name, case_->name);
  c->graph = c->run = graph_new ();
  c->weights = weights_new ();
  c->tolerance = MAX (case_->tolerance, 1e-5);
  c->low = given ? case_->low : -1;
  c->high = given ? case_->high : 1;
  c->is_op = true;
  for (int i = 0; i < case_->n_inputs; i++) {
    g_autofree char *name = g_strdup_printf ("x%d", i);
    x[i] = graph_input (c->graph, name, case_->shape[i]);
  }
  graph_output (c->graph, "y", graph_add (c->graph, op, x, case_->n_inputs, case_->attrs));
  g_ptr_array_add (cases, c);
}

/* Networks: each builds itself for a batch of pictures of a size */

struct size {
  int64_t batch, height, width;
};

static void
build_style (struct graph *graph, struct size size)
{
  struct style_net settings = {.styles = 3, .width = 8, .inner = 12, .residuals = 2, .ends = 5, .upsampling = 1};
  sym photo = graph_input (graph, "photo", SHAPE (size.batch, 3, size.height, size.width)),
      style = graph_input (graph, "style", SHAPE (size.batch, 3));
  graph_output (graph, "painting", style_net (photo, (struct style_control){.rows = style}, &settings));
}

static void
build_translator (struct graph *graph, struct size size)
{
  struct style_net settings = {
    .styles = 1, .width = 8, .inner = 12, .residuals = 1, .ends = 3, .upsampling = UPSAMPLING_TRANSPOSED, .skip = true};
  sym photo = graph_input (graph, "photo", SHAPE (size.batch, 3, size.height, size.width));
  graph_output (graph, "painting", style_net (photo, (struct style_control){0}, &settings));
}

static void
build_anime (struct graph *graph, struct size size)
{
  struct style_net settings = {.styles = 1, .width = 8, .layers = STYLE_ANIME};
  sym photo = graph_input (graph, "photo", SHAPE (size.batch, 3, size.height, size.width));
  graph_output (graph, "painting", style_net (photo, (struct style_control){0}, &settings));
}

static void
build_one_style (struct graph *graph, struct size size)
{
  struct style_net settings = {.styles = 1, .width = 8, .inner = 12, .residuals = 1, .ends = 3};
  sym photo = graph_input (graph, "photo", SHAPE (size.batch, 3, size.height, size.width));
  graph_output (graph, "painting", style_net (photo, (struct style_control){0}, &settings));
}

static void
build_patch (struct graph *graph, struct size size)
{
  struct patch_net settings = {.heads = 2, .width = 8, .layers = 3, .norm = true};
  sym picture = graph_input (graph, "picture", SHAPE (size.batch, 3, size.height, size.width));
  graph_output (graph, "scores", patch_net (picture, &settings));
}

static void
build_vgg (struct graph *graph, struct size size)
{
  sym picture = graph_input (graph, "picture", SHAPE (size.batch, 3, size.height, size.width));
  struct vgg vgg = vgg19 (picture, VGG_RELU3_2);
  graph_output (graph, "relu1_2", vgg.relu[0][1]);
  graph_output (graph, "relu3_2", vgg.relu[2][1]);
}

static const struct gan_net gan = {.latent = 20, .width = 0.0625, .judge_norm = GAN_NORM_NONE};

static void
build_generator (struct graph *graph, struct size size)
{
  sym z = graph_input (graph, "z", SHAPE (size.batch, 20));
  graph_output (graph, "picture", gan_generator (z, &gan_dcgan_28, (struct gan_pass){.net = &gan}));
}

static void
build_judge (struct graph *graph, struct size size)
{
  sym picture = graph_input (graph, "picture", SHAPE (size.batch, 1, 28, 28));
  graph_output (graph, "logit", gan_score (picture, &gan_dcgan_28, (struct gan_pass){.net = &gan}));
}

/* What networks of the field are made of beside these: depth to space, transposed convolutions, attention over pixels,
 * a layer normalisation, a pyramid, cuts and flips. */
static void
build_mixture (struct graph *graph, struct size size)
{
  sym picture = graph_input (graph, "picture", SHAPE (size.batch, 4, size.height, size.width));
  sym x = layer_conv (picture, "head", (struct layer_conv){.channels = 16, .kernel = 3, .stride = 2});
  sym low = layer_layer_norm (layer_conv (x, "low", (struct layer_conv){.channels = 8, .kernel = 3, .stride = 2}),
                              "norm", (struct layer_norm){0});
  sym pixels = sym_reshape (low, SHAPE (size.batch, 8, -1)), scores = sym_matmul_t (pixels, false, pixels, true);
  sym mixed = sym_matmul (sym_softmax (sym_scale (scores, 0.05), 2), pixels);
  low = sym_add (low, sym_reshape (mixed, sym_shape (low)));
  sym up = layer_conv_transpose (low, "up", 16, 4, 2, 1, false);
  sym pooled = sym_upsample_nearest (sym_max_pool (x, 2, 2, 0), 2);
  sym both = sym_concat ((sym[]){sym_leaky_relu (up, 0.1), sym_sigmoid (pooled)}, 2, 1);
  both = sym_add (sym_slice (both, 1, 0, 16, 1), sym_flip (sym_slice (both, 1, 16, 32, 1), AXIS (3)));
  sym y = sym_depth_to_space (layer_conv (both, "tail", (struct layer_conv){.channels = 16, .kernel = 3}), 2);
  y = sym_add (y, sym_pad (sym_slice (picture, 2, 1, -1, 1), PAD_REPLICATE, 1, 0, 1, 0));
  graph_output (graph, "picture2", sym_clamp (y, -2, 2));
  graph_output (graph, "mean", sym_mean (y, AXES_HW));
  graph_output (graph, "wrapped", sym_pad (y, PAD_CIRCULAR, 3, 2, 1, 0));
}

static void
add_network (GPtrArray *cases, const char *name, void (*build) (struct graph *, struct size), const struct size *sizes)
{
  struct export_case *c = g_new0 (struct export_case, 1);
  struct graph **graphs[] = {&c->graph, &c->other, &c->run};
  g_autoptr (GError) error = NULL;
  for (int i = 0; i < 3; i++) {
    *graphs[i] = graph_new ();
    build (*graphs[i], sizes[i]);
  }
  c->name = g_strdup (name);
  c->weights = weights_new ();
  c->tolerance = 1e-4;
  c->high = 1;
  if (!graph_check (c->graph, &error) || !weights_init (c->weights, c->graph, 1, &error))
    g_error ("%s: %s", name, error->message);
  for (guint i = 0; i < weights_count (c->weights);
       i++) { /* biases and tables start flat: nothing would be seen of them */
    struct tensor *tensor = weights_at (c->weights, i);
    struct random_key key = {.seed = g_str_hash (weights_name (c->weights, i))};
    for (size_t k = 0; !g_str_has_suffix (weights_name (c->weights, i), "weight") && k < tensor->size / 4; k++)
      tensor_floats (tensor)[k] += 0.3 * random_uniform (key, k);
  }
  g_ptr_array_add (cases, c);
}

GPtrArray *
export_cases (void)
{
  static const struct size multiples[] = {{1, 44, 52}, {2, 68, 76}, {3, 32, 36}}, batches[] = {{1}, {2}, {3}},
                           odd[] = {{1, 45, 53}, {2, 69, 77}, {1, 37, 41}};
  GPtrArray *cases = g_ptr_array_new_with_free_func (case_free);
  for (const struct op *const *op = op_table; *op; op++)
    for (const struct op_case *c = (*op)->cases; c && c->name; c++)
      if (!c->error)
        add_op (cases, *op, c);
  add_network (cases, "style network", build_style, multiples);
  add_network (cases, "style network of one style", build_one_style, multiples);
  add_network (cases, "translator", build_translator, multiples);
  add_network (cases, "anime", build_anime, multiples);
  add_network (cases, "patch discriminator", build_patch, odd);
  add_network (cases, "vgg19", build_vgg, multiples);
  add_network (cases, "dcgan generator", build_generator, batches);
  add_network (cases, "dcgan judge", build_judge, batches);
  add_network (cases, "mixture", build_mixture, multiples);
  return cases;
}

/* Values */

struct tensor *
export_case_input (const struct export_case *c, const struct node *input)
{
  struct random_key key = {.seed = g_str_hash (c->name), .stream = g_str_hash (input->name)};
  struct tensor *tensor = tensor_new (input->shape, DTYPE_F32, NULL);
  for (int64_t i = 0; i < shape_size (&input->shape); i++)
    tensor_floats (tensor)[i] = c->low + (c->high - c->low) * random_uniform (key, i);
  return tensor;
}

static struct tensor *
computed (const struct export_case *c, sym y)
{
  int n = graph_count (c->run);
  g_autofree double **leaf = g_new0 (double *, n);
  struct tensor *tensor = tensor_new (sym_shape (y), DTYPE_F32, NULL);
  g_autofree double *value = NULL;
  g_autoptr (GError) error = NULL;
  for (int id = 0; id < n; id++) {
    const struct node *node = graph_node (c->run, id);
    if (node->op != &op_input)
      continue;
    g_autoptr (tensor) input = export_case_input (c, node);
    leaf[id] = g_new (double, shape_size (&node->shape));
    for (int64_t i = 0; i < shape_size (&node->shape); i++)
      leaf[id][i] = tensor_floats (input)[i];
  }
  if (!reference_evaluate (c->run, (const double *const *) leaf, 0, 0, &y, 1, &value, &error))
    g_error ("%s: %s", c->name, error->message);
  for (size_t i = 0; i < tensor->size / sizeof (float); i++)
    tensor_floats (tensor)[i] = value[i];
  for (int id = 0; id < n; id++)
    g_free (leaf[id]);
  return tensor;
}

static struct tensor *
planned (const struct export_case *c, const char *name)
{
  g_autoptr (GError) error = NULL;
  struct plan_options options = {.precision = PRECISION_F32};
  g_autoptr (plan) plan = plan_compile (c->run, c->weights, &options, &error);
  if (!plan)
    g_error ("%s: %s", c->name, error->message);
  for (int id = 0; id < graph_count (c->run); id++) {
    const struct node *node = graph_node (c->run, id);
    if (node->op != &op_input)
      continue;
    g_autoptr (tensor) input = export_case_input (c, node);
    memcpy (plan_input (plan, node->name)->data, input->data, input->size);
  }
  plan_run (plan, 0, 0);
  return tensor_convert (plan_output (plan, name), DTYPE_F32, NULL);
}

struct tensor *
export_case_output (const struct export_case *c, const char *name)
{
  for (guint i = 0; i < graph_result_count (c->run); i++) {
    struct graph_result result = graph_result (c->run, i);
    if (g_strcmp0 (result.name, name) == 0)
      return c->is_op ? computed (c, (sym){c->run, result.id}) : planned (c, name);
  }
  g_error ("%s: no result %s", c->name, name);
}
