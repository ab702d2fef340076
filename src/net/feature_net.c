/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of feature networks, and how their features are compared; see feature_net.h. A kind is a row of kinds[]. */
#include "net/feature_net.h"

#include "format/safetensors.h"
#include "impasto/error.h"
#include "net/net_file.h"

struct feature_kind {
  const char *name;
  int64_t channels[FEATURE_TAPS];
  bool (*holds) (struct weights *head); /* whether a file of these tensors and metadata is one */
  struct weights *(*load) (const char *path, void **settings, GError **error);
  void (*build) (sym picture, int last, const void *settings, struct feature_tap taps[FEATURE_TAPS]);
};

static bool
vgg_holds (struct weights *head)
{
  return weights_find (head, "features.conv1_1.weight") || weights_find (head, "features.0.weight");
}

static struct weights *
vgg_load (const char *path, void **settings, GError **error)
{
  return vgg19_load (path, error);
}

static void
vgg_build (sym picture, int last, const void *settings, struct feature_tap taps[FEATURE_TAPS])
{
  static const int layers[FEATURE_TAPS] = {VGG_RELU1_2, VGG_RELU2_2, VGG_RELU3_2, VGG_RELU3_4};
  struct vgg vgg = vgg19 (picture, layers[last]);
  taps[0].x = vgg.relu[0][1];
  taps[1].x = vgg.relu[1][1];
  taps[2].x = vgg.relu[2][1];
  taps[3].x = vgg.relu[2][3];
}

static bool
resnet_holds (struct weights *head)
{
  return weights_find (head, "layer1.0.conv1.weight") && weights_find (head, "bn1.running_mean");
}

static struct weights *
resnet_load (const char *path, void **settings, GError **error)
{
  return resnet18_load (path, error);
}

static void
resnet_build (sym picture, int last, const void *settings, struct feature_tap taps[FEATURE_TAPS])
{
  struct resnet resnet = resnet18 (picture, last);
  for (int tap = 0; tap < FEATURE_TAPS; tap++)
    taps[tap].x = resnet.tap[tap];
}

static bool
perceptual_holds (struct weights *head)
{
  return weights_metadata (head, "impasto") != NULL;
}

static struct weights *
perceptual_load (const char *path, void **settings, GError **error)
{
  g_autoptr (net_file) file = net_file_load (path, &net_perceptual, error);
  if (!file)
    return NULL;
  *settings = g_memdup2 (file->settings, sizeof (struct perceptual_net));
  return weights_ref (file->weights);
}

static void
perceptual_build (sym picture, int last, const void *settings, struct feature_tap taps[FEATURE_TAPS])
{
  struct perceptual eye = perceptual_net (picture, last, settings);
  for (int tap = 0; tap < FEATURE_TAPS; tap++) {
    taps[tap].x = eye.features[tap];
    taps[tap].head = eye.head[tap];
    taps[tap].bias = eye.bias[tap];
  }
}

static const struct feature_kind kinds[] = {
  {"perceptual", {64, 128, 256, 256}, perceptual_holds, perceptual_load, perceptual_build},
  {"vgg19", {64, 128, 256, 256}, vgg_holds, vgg_load, vgg_build},
  {"resnet18", {64, 64, 128, 256}, resnet_holds, resnet_load, resnet_build},
};

struct features *
features_load (const char *path, GError **error)
{
  g_autoptr (weights) head = safetensors_load_metadata (path, error);
  if (!head)
    return NULL;
  bool ours = weights_metadata (head, "impasto") != NULL;
  g_autoptr (weights) loaded = ours ? NULL : safetensors_load (path, error);
  if (!ours && !loaded)
    return NULL;
  for (size_t i = 0; i < G_N_ELEMENTS (kinds); i++) {
    if (!kinds[i].holds (ours ? head : loaded))
      continue;
    g_autoptr (features) features = g_new0 (struct features, 1);
    features->kind = &kinds[i];
    features->path = g_strdup (path);
    features->weights = kinds[i].load (path, &features->settings, error);
    return features->weights ? g_steal_pointer (&features) : NULL;
  }
  g_set_error (
    error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
    "%s: holds no feature network (VGG-19 or ResNet-18 in torchvision's layout, or one of impasto train perceptual)",
    path);
  return NULL;
}

struct features *
features_new_random (void)
{
  struct features *features = g_new0 (struct features, 1);
  features->kind = &kinds[0];
  features->settings = g_new0 (struct perceptual_net, 1);
  option_init (net_perceptual.options, features->settings);
  return features;
}

void
features_free (struct features *features)
{
  if (!features)
    return;
  g_clear_pointer (&features->weights, weights_unref);
  g_free (features->settings);
  g_free (features->path);
  g_free (features);
}

const char *
features_name (const struct features *features)
{
  return features->kind->name;
}

int64_t
features_channels (const struct features *features, int tap)
{
  return features->kind->channels[tap];
}

void
features_build (const struct features *features, sym picture, int last, struct feature_tap taps[FEATURE_TAPS])
{
  sym null = {picture.graph, -1};
  for (int tap = 0; tap < FEATURE_TAPS; tap++)
    taps[tap] = (struct feature_tap){null, null, null, features->kind->channels[tap]};
  features->kind->build (picture, last, features->settings, taps);
}

void
features_add_weights (const struct features *features, struct weights *target, const char *prefix)
{
  for (guint i = 0; features->weights && i < weights_count (features->weights); i++) {
    g_autofree char *name = g_strdup_printf ("%s.%s", prefix, weights_name (features->weights, i));
    weights_add (target, name, weights_at (features->weights, i));
  }
}

sym
feature_map (struct feature_tap tap)
{
  if (sym_null (tap.head))
    return tap.x;
  return sym_add (sym_conv2d (tap.x, tap.head, (struct conv_options){0}), tap.bias);
}

/* With f = P x + b and the means m of x over pixels: E[f f^T] = P E[x x^T] P^T + P m b^T + b m^T P^T + b b^T. */
sym
feature_gram (struct feature_tap tap)
{
  if (sym_null (tap.head))
    return sym_gram (tap.x);
  int64_t c = sym_shape (tap.x).dim[1], big = tap.channels;
  sym P = sym_reshape (tap.head, SHAPE (big, c)), b = sym_reshape (tap.bias, SHAPE (1, big, 1));
  sym second = sym_scale (sym_gram (tap.x), c);                      /* E[x x^T] */
  sym m = sym_reshape (sym_mean (tap.x, AXES_HW), SHAPE (-1, c, 1)); /* (n, c, 1) */
  sym outer = sym_matmul_t (sym_matmul (P, second), false, P, true); /* (n, C, C) */
  sym cross = sym_matmul_t (sym_matmul (P, m), false, b, true);      /* P m b^T */
  sym crossed = sym_matmul_t (b, false, sym_matmul (P, m), true);
  sym sum = sym_add (sym_add (outer, sym_add (cross, crossed)), sym_matmul_t (b, false, b, true));
  return sym_scale (sum, 1.0 / big);
}
