/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of layers: the kinds of layers, and networks built from their rows. Layers are called by their kind and
 * counted: "dense1", "conv2". */
#include "net/gan.h"

#include <math.h>

#include "net/layers.h"

#define TRIES 10000 /* to draw a number below the truncation; the smallest allowed takes some ten */

const char *const gan_conditional_names[] = {"none", "concatenation", "normalisation", NULL};
const char *const gan_judge_names[] = {"convolutional", "linear", "pairwise", NULL};
const char *const gan_normalisation_names[] = {"batch", "instance", "layer", "none", NULL};

const struct option gan_options[] = {
  GAN_OPTIONS (struct gan_net, ),
  {"kinds", OPTION_INT, offsetof (struct gan_net, kinds), "of noise; 0 = one", 0, GAN_KINDS_MAX, 0},
  {NULL},
};

const struct option gan_painter_options[] = {
  {"width", OPTION_FLOAT, offsetof (struct gan_net, width), "channels of the layers, times those of the text", 0.01, 16,
   1},
  {"judge-norm", OPTION_CHOICE, offsetof (struct gan_net, judge_norm), "normalisation of the judge",
   .choices = gan_normalisation_names},
  {NULL},
};

const struct gan_preset *const gan_presets[] = {&gan_dcgan_28, &gan_noise_gan_28, &gan_vae_28, &gan_dcgan_64, NULL};
const char *const gan_preset_names[] = {"dcgan-28", "noise-gan-28", "vae-28", "dcgan-64", NULL};

const struct gan_preset *
gan_preset_of (const struct net *net)
{
  for (int i = 0; gan_presets[i]; i++)
    if (&gan_presets[i]->net == net)
      return gan_presets[i];
  return NULL;
}

int64_t
gan_channels (const struct gan_preset *preset, const struct gan_net *net)
{
  return net->channels ? net->channels : preset->channels;
}

/* Kinds */

static int64_t
channels_of (const struct gan_layer *layer, const struct gan_pass *pass)
{
  switch (layer->channels) {
  case GAN_PICTURE: return pass->net->channels;
  case GAN_SCORE: return 1;
  case GAN_MOMENTS: return 2 * pass->net->latent;
  case GAN_CODE: return gan_code_size (pass->net);
  default: return MAX (1, llround (layer->channels * pass->net->width));
  }
}

/* Initial weights of layers without an activation after them keep the size of what goes in. */
static double
gain_of (const struct gan_layer *layer)
{
  return layer->channels < 0 ? 1 : 0;
}

static sym
build_dense (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  int64_t side = MAX (layer->side, 1), features = channels_of (layer, pass) * side * side;
  return layer_dense (
    x, name,
    (struct layer_dense){
      .features = features, .bare = layer->bare, .gain = gain_of (layer), .spectral = pass->spectral});
}
const struct gan_kind gan_dense = {"dense", build_dense};

static sym
build_conv (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  return layer_conv (x, name,
                     (struct layer_conv){.channels = channels_of (layer, pass),
                                         .pad = pass->pad,
                                         .kernel = layer->kernel,
                                         .stride = layer->stride,
                                         .bare = layer->bare,
                                         .gain = gain_of (layer),
                                         .spectral = pass->spectral});
}
const struct gan_kind gan_conv = {"conv", build_conv};

/* "Same" padding: the picture becomes exactly stride times as large. */
static sym
build_conv_transpose (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  int pad = (layer->kernel - layer->stride) / 2;
  return layer_conv_transpose (x, name, channels_of (layer, pass), layer->kernel, layer->stride, pad, layer->bare);
}
const struct gan_kind gan_conv_transpose = {"conv_transpose", build_conv_transpose};

static sym
no_norm (sym x, const char *name, struct layer_norm options)
{
  return x;
}

/* A vector is a picture of one pixel, of which an instance has no statistics: its layer's are taken. */
static sym
normalise (sym x, const char *name, int kind, double follow, const struct gan_pass *pass)
{
  static sym (*const norms[]) (sym x, const char *name, struct layer_norm options) = {
    layer_batch_norm, layer_instance_norm, layer_layer_norm, no_norm};
  struct shape shape = sym_shape (x);
  struct layer_norm options = {.training = pass->training, .follow = pass->follow ? follow : 0};
  bool vector = shape.rank == 2;
  if (pass->net->conditional == GAN_NORMALISED)
    options.style = pass->labels;
  if (vector)
    x = sym_reshape (x, SHAPE (shape.dim[0], shape.dim[1], 1, 1));
  x = norms[vector && kind == GAN_NORM_INSTANCE ? GAN_NORM_LAYER : kind](x, name, options);
  return vector ? sym_reshape (x, shape) : x;
}

static sym
build_norm (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  return normalise (x, name, pass->net->norm, layer->value, pass);
}
const struct gan_kind gan_norm = {"norm", build_norm};

static sym
build_judge_norm (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  return normalise (x, name, pass->net->judge_norm, layer->value, pass);
}
const struct gan_kind gan_judge_norm = {"norm", build_judge_norm};

static sym
build_relu (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  return sym_relu (x);
}
const struct gan_kind gan_relu = {"relu", build_relu, .plain = true};

static sym
build_leaky_relu (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  return sym_leaky_relu (x, layer->value);
}
const struct gan_kind gan_leaky_relu = {"leaky_relu", build_leaky_relu, .plain = true};

static sym
build_tanh (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  return sym_tanh (x);
}
const struct gan_kind gan_tanh = {"tanh", build_tanh, .plain = true};

static sym
build_up (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  return sym_upsample_nearest (x, 2);
}
const struct gan_kind gan_up = {"up", build_up, .plain = true};

static sym
build_max_pool (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  return sym_max_pool (x, layer->stride, layer->stride, 0);
}
const struct gan_kind gan_max_pool = {"max_pool", build_max_pool, .plain = true};

static sym
build_reshape (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  return sym_reshape (x, SHAPE (sym_shape (x).dim[0], -1, layer->side, layer->side));
}
const struct gan_kind gan_reshape = {"reshape", build_reshape, .plain = true};

static sym
build_flatten (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  return sym_reshape (x, SHAPE (sym_shape (x).dim[0], -1));
}
const struct gan_kind gan_flatten = {"flatten", build_flatten, .plain = true};

static sym
build_dropout (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  double rate = pass->net->dropout < 0 ? layer->value : pass->net->dropout;
  return pass->training ? sym_dropout (x, rate, pass->stream++) : x;
}
const struct gan_kind gan_dropout = {"dropout", build_dropout, .plain = true};

static sym
build_minibatch (sym x, const char *name, const struct gan_layer *layer, struct gan_pass *pass)
{
  return pass->net->minibatch ? layer_minibatch_deviation (x) : x;
}
const struct gan_kind gan_minibatch = {"minibatch", build_minibatch, .plain = true};

/* Networks */

/* Which of its kind the row is, counted from 1. */
static int
number_of (const struct gan_layer *layers, const struct gan_layer *row)
{
  int n = 1;
  for (const struct gan_layer *before = layers; before < row; before++)
    n += before->kind == row->kind;
  return n;
}

static sym
build_layer (sym x, const struct gan_layer *layers, const struct gan_layer *layer, struct gan_pass *pass)
{
  g_autofree char *name = g_strdup_printf ("%s%d", layer->kind->name, number_of (layers, layer));
  if (layer->kind->plain)
    graph_push (x.graph, "%s", name);
  x = layer->kind->build (x, name, layer, pass);
  if (layer->kind->plain)
    graph_pop (x.graph);
  return x;
}

static sym
build (sym x, const struct gan_layer *layers, struct gan_pass *pass)
{
  for (const struct gan_layer *layer = layers; layer->kind; layer++)
    x = build_layer (x, layers, layer, pass);
  return x;
}

sym
gan_labels (struct graph *graph, int64_t n, const struct gan_net *net)
{
  if (net->conditional && !net->classes)
    return graph_fail (graph, "a conditional network wants classes: at least one");
  return net->conditional ? graph_input (graph, "labels", SHAPE (n, net->classes)) : (sym){graph, -1};
}

int64_t
gan_code_size (const struct gan_net *net)
{
  return net->codes + net->continuous;
}

sym
gan_code (struct graph *graph, int64_t n, const struct gan_net *net)
{
  int64_t size = gan_code_size (net);
  return size ? graph_input (graph, "code", SHAPE (n, size)) : (sym){graph, -1};
}

double
gan_kind_step (const struct gan_net *net)
{
  return sqrt (net->latent);
}

void
gan_noise_fill (struct random_key key, int64_t index, const struct gan_net *net, double truncate, float *z)
{
  int64_t latent = net->latent;
  random_normal_fill (key, index * latent, z, latent);
  for (int64_t k = 0; k < latent && truncate > 0; k++)
    for (key.step = 1; fabsf (z[k]) > truncate && key.step < TRIES; key.step++)
      z[k] = random_normal (key, index * latent + k);
  key.step = TRIES;
  if (net->kinds)
    z[(int64_t) (random_uniform (key, index) * net->kinds)] += gan_kind_step (net);
}

static bool
there (sym x)
{
  return x.graph && !sym_null (x);
}

sym
gan_generator (sym z, const struct gan_preset *preset, struct gan_pass pass)
{
  struct gan_net net = *pass.net;
  net.channels = gan_channels (preset, &net);
  pass.net = &net;
  if (net.kinds > net.latent)
    return graph_fail (z.graph, "there are %d kinds of noise of %d numbers; one number each is wanted", (int) net.kinds,
                       (int) net.latent);
  if (there (pass.labels) && net.conditional == GAN_CONCATENATED)
    z = sym_concat ((sym[]){z, pass.labels}, 2, 1);
  if (there (pass.code))
    z = sym_concat ((sym[]){z, pass.code}, 2, 1);
  return build (z, preset->generator, &pass);
}

/* The picture with a channel a class, which is the class's share everywhere. */
static sym
with_labels (sym picture, const struct gan_pass *pass)
{
  struct shape shape = sym_shape (picture);
  int64_t n = shape.dim[0], classes = sym_shape (pass->labels).dim[1];
  sym maps = sym_reshape (pass->labels, SHAPE (n, classes, 1, 1));
  maps = sym_broadcast (maps, SHAPE (n, classes, shape.dim[2], shape.dim[3]));
  return sym_concat ((sym[]){picture, maps}, 2, 1);
}

static const struct gan_layer linear_judge[] = {{&gan_flatten}, {&gan_dense, GAN_SCORE}, {NULL}};

static const struct gan_layer *
judge_of (const struct gan_preset *preset, const struct gan_net *net)
{
  return net->judge == GAN_JUDGE_LINEAR ? linear_judge : preset->judge;
}

/* The judge up to the row of its score, which @last gets. */
static sym
build_trunk (sym picture, const struct gan_preset *preset, struct gan_pass *pass, const struct gan_layer **last)
{
  const struct gan_layer *layers = judge_of (preset, pass->net), *layer = layers;
  if (pass->net->spectral)
    pass->spectral = pass->follow ? SPECTRAL_FOLLOW : SPECTRAL_NORM;
  if (there (pass->labels))
    picture = with_labels (picture, pass);
  for (; layer->channels != GAN_SCORE; layer++)
    picture = build_layer (picture, layers, layer, pass);
  *last = layer;
  return picture;
}

static sym
build_recogniser (sym features, const struct gan_preset *preset, struct gan_pass pass)
{
  pass.spectral = SPECTRAL_NONE; /* it reads, and is held by nothing */
  graph_push (features.graph, "code");
  sym code = build (features, preset->recogniser, &pass);
  graph_pop (features.graph);
  return code;
}

sym
gan_score (sym picture, const struct gan_preset *preset, struct gan_pass pass)
{
  const struct gan_layer *last;
  sym features = build_trunk (picture, preset, &pass, &last);
  if (pass.recognised)
    *pass.recognised = build_recogniser (features, preset, pass);
  return build_layer (features, judge_of (preset, pass.net), last, &pass);
}

sym
gan_features (sym picture, const struct gan_preset *preset, struct gan_pass pass)
{
  const struct gan_layer *last;
  return build_trunk (picture, preset, &pass, &last);
}

sym
gan_recognise (sym picture, const struct gan_preset *preset, struct gan_pass pass)
{
  const struct gan_layer *last;
  sym features = build_trunk (picture, preset, &pass, &last);
  return build_recogniser (features, preset, pass);
}

sym
gan_encoder (sym picture, const struct gan_preset *preset, struct gan_pass pass)
{
  if (there (pass.labels))
    picture = with_labels (picture, &pass);
  return build (picture, preset->encoder, &pass);
}

void
gan_walk (const float *a, const float *b, int64_t n, double t, float *z)
{
  double aa = 0, bb = 0, ab = 0;
  for (int64_t i = 0; i < n; i++)
    aa += (double) a[i] * a[i], bb += (double) b[i] * b[i], ab += (double) a[i] * b[i];
  double angle = aa > 0 && bb > 0 ? acos (CLAMP (ab / sqrt (aa * bb), -1, 1)) : 0;
  double sine = sin (angle), of_a = 1 - t, of_b = t;
  if (sine > 1e-6) /* else they point the same way, or away from each other: straight on */
    of_a = sin ((1 - t) * angle) / sine, of_b = sin (t * angle) / sine;
  for (int64_t i = 0; i < n; i++)
    z[i] = of_a * a[i] + of_b * b[i];
}

/* The generator, which is what files hold: inputs "z" and, where there are, "labels" and "code"; output "picture". With
 * a code also what reads it off a picture, in the scope "recogniser": output "recognised". */
void
gan_build (const struct net *net, struct graph *graph, const void *settings)
{
  const struct gan_net *gan = settings;
  const struct gan_preset *preset = gan_preset_of (net);
  struct gan_pass pass = {.net = gan, .labels = gan_labels (graph, 1, gan), .code = gan_code (graph, 1, gan)};
  sym z = graph_input (graph, "z", SHAPE (1, gan->latent));
  sym picture = gan_generator (z, preset, pass);
  graph_output (graph, "picture", picture);
  if (!gan_code_size (gan) || !preset->recogniser)
    return;
  graph_push (graph, "recogniser");
  graph_output (graph, "recognised", gan_recognise (picture, preset, pass));
  graph_pop (graph);
}
