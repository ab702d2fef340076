/* SPDX-License-Identifier: Apache-2.0
 *
 * make_pack --features FILE: writes a VGG-19 with random weights. make_pack --perceptual FILE: a perceptual network of
 * them. make_pack PACK [SETTING=VALUE...] STYLE...: writes a style pack with random weights, for tests of what reads
 * packs. Settings are those of the network (width=8, photograph=yes, brush=yes); "nan=NAME" puts a NaN into a weight,
 * "drop=NAME" leaves one out, "misshape=NAME" transposes one, "huge=NAME" makes the network overflow. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compile/plan.h"
#include "format/safetensors.h"
#include "net/net_file.h"
#include "net/pack.h"

/* What is done to the weights of a bad pack. */
struct damage {
  const char *nan, *drop, *misshape, *huge;
};

static bool
take_damage (struct damage *damage, const char *name, const char *value)
{
  const char **field = g_str_equal (name, "nan")        ? &damage->nan
                       : g_str_equal (name, "drop")     ? &damage->drop
                       : g_str_equal (name, "misshape") ? &damage->misshape
                       : g_str_equal (name, "huge")     ? &damage->huge
                                                        : NULL;
  if (field)
    *field = value;
  return field != NULL;
}

static bool
damage_weights (struct weights *weights, const struct damage *damage)
{
  struct tensor *tensor = damage->nan ? weights_find (weights, damage->nan) : NULL;
  if (tensor)
    tensor_floats (tensor)[0] = NAN;
  struct tensor *turned = damage->misshape ? weights_find (weights, damage->misshape) : NULL;
  if (turned) {
    int64_t first = turned->shape.dim[0];
    turned->shape.dim[0] = turned->shape.dim[1];
    turned->shape.dim[1] = first;
  }
  struct tensor *large = damage->huge ? weights_find (weights, damage->huge) : NULL;
  for (size_t i = 0; large && i < large->size / sizeof (float); i++)
    tensor_floats (large)[i] = 3e38f;
  bool dropped = damage->drop && weights_remove (weights, damage->drop);
  return (!damage->nan || tensor) && (!damage->misshape || turned) && (!damage->huge || large) &&
         (!damage->drop || dropped);
}

/* Rows start out the same, those of the brushes at zero: as if each had learned something. */
static void
move_rows (struct weights *weights)
{
  for (guint i = 0; i < weights_count (weights); i++)
    if (g_str_has_suffix (weights_name (weights, i), "scale") || g_str_has_suffix (weights_name (weights, i), "shift"))
      for (size_t k = 0; k < weights_at (weights, i)->size / sizeof (float); k++)
        tensor_floats (weights_at (weights, i))[k] += 0.3f * sinf (7 * i + 3 * k);
}

/* pack_save refuses what half precision cannot hold, so a damaged pack takes its manifest from a good one. */
static bool
save (struct pack *pack, const struct damage *damage, const char *path, GError **error)
{
  if (!pack_save (pack, path, error) || !memcmp (damage, &(struct damage){0}, sizeof *damage))
    return pack_save (pack, path, error);
  g_autoptr (weights) saved = safetensors_load (path, error);
  g_autoptr (weights) all = weights_new ();
  for (guint i = 0; saved && i < weights_count (saved); i++) {
    g_autoptr (tensor) tensor = tensor_convert (weights_at (saved, i), DTYPE_F32, error);
    weights_add (all, weights_name (saved, i), tensor);
  }
  weights_set_metadata (all, "impasto", weights_metadata (saved, "impasto"));
  if (!damage_weights (all, damage)) {
    g_set_error (error, G_OPTION_ERROR, 0, "no such weight");
    return false;
  }
  return safetensors_save (all, path, error);
}

static bool
make (char **argv, GError **error)
{
  struct style_net settings = {0};
  struct damage damage = {0};
  const char *path = *argv++;
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  option_init (net_style.options, &settings);
  settings.width = 4;
  settings.inner = 8;
  settings.residuals = 1;
  for (; *argv; argv++) {
    char *equals = strchr (*argv, '=');
    if (equals)
      *equals++ = '\0';
    if (!equals)
      g_ptr_array_add (names, *argv);
    else if (!take_damage (&damage, *argv, equals) && !option_set (net_style.options, &settings, *argv, equals, error))
      return false;
  }
  settings.styles = names->len;
  g_autoptr (graph) graph = graph_new ();
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, 32, 32)),
      style = graph_input (graph, "style", SHAPE (1, style_net_rows (&settings)));
  graph_output (graph, "painting", style_net (photo, (struct style_control){.rows = style}, &settings));
  g_autoptr (weights) weights = weights_new ();
  if (!graph_check (graph, error) || !weights_init (weights, graph, 1, error))
    return false;
  move_rows (weights);
  g_autoptr (pack) pack = pack_new (&settings, weights);
  pack->title = g_strdup ("Random");
  pack->license = g_strdup ("CC0-1.0");
  for (guint i = 0; i < names->len; i++)
    pack_add_style (pack, names->pdata[i], "A Test", "Nobody", "2000");
  return save (pack, &damage, path, error);
}

static bool
make_features (const char *path, GError **error)
{
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  g_autoptr (weights) named = weights_new ();
  vgg19 (graph_input (graph, "picture", SHAPE (1, 3, 16, 16)), VGG_RELU3_4);
  if (!graph_check (graph, error) || !weights_init (weights, graph, 1, error))
    return false;
  for (guint i = 0; i < weights_count (weights); i++) {
    g_autofree char *name = g_strconcat ("features.", weights_name (weights, i), NULL);
    struct tensor *tensor = weights_at (weights, i);
    if (tensor->shape.dim[0] == 1) /* a bias (1,c,1,1) */
      tensor->shape = SHAPE (tensor->shape.dim[1]);
    weights_add (named, name, tensor);
  }
  return safetensors_save (named, path, error);
}

static bool
make_perceptual (const char *path, GError **error)
{
  struct perceptual_net settings = {{4, 4, 8}};
  g_autoptr (graph) graph = graph_new ();
  g_autoptr (weights) weights = weights_new ();
  net_perceptual.build (&net_perceptual, graph, &settings);
  if (!graph_check (graph, error) || !weights_init (weights, graph, 1, error))
    return false;
  g_autoptr (net_file) file = net_file_new (&net_perceptual, &settings, weights);
  return net_file_save (file, path, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  if (argc < 3) {
    fprintf (stderr,
             "usage: make_pack --features FILE | --perceptual FILE | make_pack PACK [SETTING=VALUE...] STYLE...\n");
    return 2;
  }
  if (g_str_equal (argv[1], "--features")     ? make_features (argv[2], &error)
      : g_str_equal (argv[1], "--perceptual") ? make_perceptual (argv[2], &error)
                                              : make (argv + 1, &error))
    return 0;
  fprintf (stderr, "make_pack: %s\n", error->message);
  return 1;
}
