/* SPDX-License-Identifier: Apache-2.0
 *
 * How each network is built for a picture, and how sizes are written: what describing, exporting and timing share. */
#include "base/text.h"
#include "effect/inspect.h"
#include "impasto/impasto.h"
#include "net/gan.h"

static void
build_style (const struct net *net, struct graph *graph, struct shape shape, const void *settings)
{
  sym photo = graph_input (graph, "photo", shape),
      style = graph_input (graph, "style", SHAPE (1, style_net_rows (settings)));
  graph_output (graph, "painting", style_net (photo, (struct style_control){.rows = style}, settings));
}

static void
build_vgg19 (const struct net *net, struct graph *graph, struct shape shape, const void *settings)
{
  struct vgg vgg = vgg19 (graph_input (graph, "picture", shape), VGG_RELU3_4);
  graph_output (graph, "relu3_4", vgg.relu[2][3]);
}

static void
build_resnet18 (const struct net *net, struct graph *graph, struct shape shape, const void *settings)
{
  struct resnet resnet = resnet18 (graph_input (graph, "picture", shape), 3);
  graph_output (graph, "layer3", resnet.tap[3]);
}

static void
build_perceptual (const struct net *net, struct graph *graph, struct shape shape, const void *settings)
{
  struct perceptual eye = perceptual_net (graph_input (graph, "picture", shape), 3, settings);
  graph_output (graph, "features4", eye.features[3]);
}

/* A style image of 512x512 included. */
static void
build_arbitrary (const struct net *net, struct graph *graph, struct shape shape, const void *settings)
{
  sym photo = graph_input (graph, "photo", shape), one = graph_scalar (graph, 1);
  struct arbitrary_style style = arbitrary_encode (graph_input (graph, "style", SHAPE (1, 3, 512, 512)), settings);
  struct arbitrary_control control = {.styles = &style, .n_styles = 1, .attention = one};
  graph_output (graph, "painting", arbitrary_net (photo, control, settings));
}

static void
build_patch (const struct net *net, struct graph *graph, struct shape shape, const void *settings)
{
  graph_output (graph, "scores", patch_net (graph_input (graph, "picture", shape), settings));
}

/* A picture of the channels it reads, of the size that is asked for. */
static void
build_classifier (const struct net *net, struct graph *graph, struct shape shape, const void *settings)
{
  const struct classifier_net *classifier = settings;
  shape.dim[1] = classifier->channels;
  graph_output (graph, "logits", classifier_net (graph_input (graph, "picture", shape), classifier, false, 0).logits);
}

/* Both networks of a pair, one behind the other. */
static void
build_gan (const struct net *net, struct graph *graph, struct shape shape, const void *settings)
{
  const struct gan_preset *preset = gan_preset_of (net);
  const struct gan_net *gan = settings;
  struct gan_pass pass = {.net = gan, .labels = gan_labels (graph, 1, gan), .code = gan_code (graph, 1, gan)};
  bool code = gan_code_size (gan) && preset->recogniser;
  sym recognised;
  pass.recognised = code ? &recognised : NULL;
  graph_push (graph, "generator");
  sym picture = gan_generator (graph_input (graph, "z", SHAPE (1, gan->latent)), preset, pass);
  graph_pop (graph);
  graph_push (graph, preset->judge ? "judge" : "encoder");
  if (preset->judge)
    graph_output (graph, "score", gan_score (picture, preset, pass));
  else
    graph_output (graph, "moments", gan_encoder (picture, preset, pass));
  if (code)
    graph_output (graph, "code", recognised);
  graph_pop (graph);
}

/* A painter, and the judge of what it draws, at the sizes of the text. */
static void
build_painter (const struct net *net, struct graph *graph, struct shape shape, const void *settings)
{
  const struct gan_preset *preset = painter_preset_of (net);
  struct gan_pass pass = {.net = settings};
  int side = preset->side / preset->enlarges;
  graph_push (graph, "generator");
  sym picture = gan_generator (graph_input (graph, "photo", SHAPE (1, 3, side, side)), preset, pass);
  graph_pop (graph);
  graph_push (graph, "judge");
  graph_output (graph, "score", gan_score (picture, preset, pass));
  graph_pop (graph);
}

static const struct {
  const struct net *net;
  void (*build) (const struct net *net, struct graph *graph, struct shape shape, const void *settings);
} builders[] = {
  {&net_style, build_style},
  {&net_vgg19, build_vgg19},
  {&net_resnet18, build_resnet18},
  {&net_perceptual, build_perceptual},
  {&net_arbitrary, build_arbitrary},
  {&net_patch, build_patch},
  {&gan_dcgan_28.net, build_gan},
  {&gan_noise_gan_28.net, build_gan},
  {&gan_vae_28.net, build_gan},
  {&gan_dcgan_64.net, build_gan},
  {&gan_painter_gan.net, build_painter},
  {&gan_anime.net, build_painter},
  {&net_classifier, build_classifier},
};

void
net_build (const struct net *net, struct graph *graph, struct shape shape, const void *settings)
{
  for (size_t i = 0; i < G_N_ELEMENTS (builders); i++)
    if (builders[i].net == net)
      builders[i].build (net, graph, shape, settings);
}

const char *const *
impasto_nets (void)
{
  static const char *names[G_N_ELEMENTS (builders) + 1];
  static gsize once;
  if (g_once_init_enter (&once)) {
    for (size_t i = 0; i < G_N_ELEMENTS (builders); i++)
      names[i] = builders[i].net->name;
    g_once_init_leave (&once, 1);
  }
  return names;
}

bool
parse_size (const char *name, const char *text, int *width, int *height, GError **error)
{
  char *end;
  gint64 w = g_ascii_strtoll (text, &end, 10), h = *end == '\0' ? w : 0;
  if (g_ascii_tolower (*end) == 'x')
    h = g_ascii_strtoll (end + 1, &end, 10);
  if (*end == '\0' && w >= 1 && h >= 1 && w <= 65536 && h <= 65536) {
    *width = w;
    *height = h;
    return true;
  }
  g_autofree char *shown = text_show (text);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
               "--%s wants WIDTHxHEIGHT from 1 to 65536 like 512x384, not '%s'", name, shown);
  return false;
}
