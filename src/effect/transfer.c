/* SPDX-License-Identifier: Apache-2.0
 *
 * Method "image": any painting as a style, at once (net/arbitrary.c). Each painting is seen once, when the method is
 * opened, and becomes a few hundred tokens; photographs are painted with those, on a canvas as with the network of a
 * pack. A pack's network may paint them first, for brushwork (effect/brushwork.h), in the same graph. */
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "effect/brushwork.h"
#include "effect/colors.h"
#include "effect/steered.h"
#include "effect/style_images.h"
#include "effect/styles.h"
#include "effect/stylize.h"
#include "image/pixels.h"
#include "impasto/error.h"
#include "net/net_file.h"

#define MODEL "arbitrary.safetensors"
#define MULTIPLE 16        /* of a style image's sides */
#define PICTURE_MULTIPLE 8 /* of a photograph's, where the network's own grids lie */
/* Mirrored pixels around a picture, a multiple of PICTURE_MULTIPLE: near their own borders this network and that of
 * brushwork before it have seen too little. The same without brushwork: moments count them, and its strength shall go
 * down to 0 without a jump. */
#define MARGIN (24 + (STYLIZE_MARGIN + PICTURE_MULTIPLE - 1) / PICTURE_MULTIPLE * PICTURE_MULTIPLE)

const char *const fusion_names[] = {"attention", "adain", "auto", NULL};

/* A painting as the network takes it, and its colours. */
struct encoded {
  struct tensor *keys, *values, *mean;
  struct colors_sums palette;
};

struct transfer {
  struct steered steered;
  const struct paint_settings *settings;
  struct net_file *net;
  char *sha256, *label;
  struct brushwork *brushwork;  /* or NULL */
  struct weights *weights;      /* of both networks; NULL without brushwork */
  GPtrArray *paths;             /* of paintings, each once */
  struct encoded *encoded;      /* as many */
  struct colors_sums *palettes; /* of each mix */
};

static void
transfer_close (void *self)
{
  struct transfer *transfer = self;
  for (guint i = 0; transfer->encoded && i < transfer->paths->len; i++) {
    g_clear_pointer (&transfer->encoded[i].keys, tensor_unref);
    g_clear_pointer (&transfer->encoded[i].values, tensor_unref);
    g_clear_pointer (&transfer->encoded[i].mean, tensor_unref);
  }
  steered_clear (&transfer->steered);
  g_clear_pointer (&transfer->paths, g_ptr_array_unref);
  g_clear_pointer (&transfer->brushwork, brushwork_free);
  g_clear_pointer (&transfer->weights, weights_unref);
  g_clear_pointer (&transfer->net, net_file_free);
  g_free (transfer->encoded);
  g_free (transfer->palettes);
  g_free (transfer->sha256);
  g_free (transfer->label);
  g_free (transfer);
}

static bool
load_network (struct transfer *transfer, GError **error)
{
  g_autofree char *path = style_folders_find (MODEL);
  if (!path) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 MODEL ", which --style-image needs, is not there; set IMPASTO_MODELS to its folder");
    return false;
  }
  transfer->net = net_file_load (path, &net_arbitrary, error);
  transfer->sha256 = transfer->net ? style_sha256 (path, error) : NULL;
  return transfer->sha256 != NULL;
}

static struct tensor *
copy_of (const struct tensor *tensor, GError **error)
{
  struct tensor *copy = tensor_new (tensor->shape, DTYPE_F32, error);
  if (copy)
    memcpy (copy->data, tensor->data, tensor->size);
  return copy;
}

static bool
encode (struct transfer *transfer, guint i, GError **error)
{
  const char *path = transfer->paths->pdata[i];
  struct encoded *encoded = &transfer->encoded[i];
  g_autoptr (picture) whole = painting_load (path, error);
  g_autoptr (picture) painting =
    whole ? picture_fit (whole, transfer->settings->style_size, MULTIPLE, false, error) : NULL;
  if (!painting)
    return false;
  g_autoptr (graph) graph = graph_new ();
  sym picture = graph_input (graph, "picture", SHAPE (1, 3, painting->height, painting->width));
  struct arbitrary_style style = arbitrary_encode (picture, transfer->net->settings);
  graph_output (graph, "keys", style.keys);
  graph_output (graph, "values", style.values);
  graph_output (graph, "mean", style.mean);
  struct plan_options options = {.precision = transfer->settings->precision, .threads = transfer->settings->threads};
  g_autoptr (plan) plan = plan_compile (graph, transfer->net->weights, &options, error);
  if (!plan)
    return false;
  memcpy (tensor_floats (plan_input (plan, "picture")), painting->rgb,
          sizeof (float) * 3 * painting->width * painting->height);
  plan_run (plan, 0, 0);
  int64_t pixels = (int64_t) painting->width * painting->height;
  colors_sums_add (&encoded->palette, painting->rgb, pixels, painting->alpha, pixels);
  encoded->keys = copy_of (plan_output (plan, "keys"), error);
  encoded->values = encoded->keys ? copy_of (plan_output (plan, "values"), error) : NULL;
  encoded->mean = encoded->values ? copy_of (plan_output (plan, "mean"), error) : NULL;
  if (!encoded->mean)
    return false;
  if (tensor_find_nonfinite (encoded->keys) < 0 && tensor_find_nonfinite (encoded->values) < 0)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC,
               "the network of %s gave NaN or infinity for %s; --precision f32 may help", transfer->net->path, path);
  return false;
}

/* What a painting looks like, as perceptual_descriptor has it: means, then deviations, whose squares are the values'
 * second halves on average over the tokens. */
static void
describe_painting (const struct encoded *encoded, int64_t channels, float *descriptor)
{
  int64_t tokens = encoded->values->shape.dim[1];
  for (int64_t c = 0; c < channels; c++) {
    double variance = 0;
    for (int64_t t = 0; t < tokens; t++)
      variance += tensor_floats (encoded->values)[t * 2 * channels + channels + c];
    descriptor[c] = tensor_floats (encoded->mean)[c];
    descriptor[channels + c] = sqrt (fmax (variance, 0) / tokens);
  }
}

static bool
open_brushwork (struct transfer *transfer, GError **error)
{
  g_autoptr (GError) local = NULL;
  const struct arbitrary_net *net = transfer->net->settings;
  int64_t channels = arbitrary_channels (net);
  guint n = transfer->paths->len;
  transfer->brushwork = brushwork_open (transfer->settings, &net->encoder, &local);
  if (local) {
    g_propagate_error (error, g_steal_pointer (&local));
    return false;
  }
  if (!transfer->brushwork)
    return true;
  g_autofree float *descriptors = g_new (float, 2 * channels * n);
  for (guint i = 0; i < n; i++)
    describe_painting (&transfer->encoded[i], channels, descriptors + 2 * channels * i);
  return brushwork_choose (transfer->brushwork, descriptors, n, error);
}

static bool
open_all (struct transfer *transfer, GError **error)
{
  transfer->steered.control = control_new (transfer->settings, true, error);
  if (!transfer->steered.control || !(transfer->paths = control_paintings (transfer->steered.control, error)) ||
      !load_network (transfer, error))
    return false;
  transfer->label = style_images_label (control_mix_at (transfer->steered.control, 0)->images);
  transfer->encoded = g_new0 (struct encoded, transfer->paths->len);
  for (guint i = 0; i < transfer->paths->len; i++)
    if (!encode (transfer, i, error))
      return false;
  return open_brushwork (transfer, error);
}

/* The network, given photograph and control. */
static sym
build (const void *data, sym photo, const struct style_control *control)
{
  const struct transfer *transfer = data;
  const struct paint_settings *settings = transfer->settings;
  struct graph *graph = photo.graph;
  guint n = transfer->paths->len;
  g_autofree struct arbitrary_style *styles = g_new0 (struct arbitrary_style, n);
  for (guint i = 0; i < n; i++)
    styles[i] = (struct arbitrary_style){graph_constant (graph, transfer->encoded[i].keys),
                                         graph_constant (graph, transfer->encoded[i].values),
                                         graph_constant (graph, transfer->encoded[i].mean)};
  sym null = {graph, -1};
  if (transfer->brushwork)
    photo = brushwork_net (transfer->brushwork, photo, control);
  struct arbitrary_control to = {
    .styles = styles,
    .n_styles = n,
    .weights = control->rows,
    .maps = control->maps,
    .attention = settings->fusion == FUSION_ATTENTION ? graph_scalar (graph, 1) : null,
    .strength = settings->fusion_strength == 1 ? null : graph_scalar (graph, settings->fusion_strength),
    .statistics = control->statistics,
  };
  return arbitrary_net (photo, to, transfer->net->settings);
}

static struct canvas_net
canvas_net_of (const struct transfer *transfer)
{
  struct canvas_net net = {
    .file = transfer->net->path,
    .weights = transfer->net->weights,
    .rows = transfer->paths->len,
    .shares = transfer->paths->len,
    .photograph = -1,
    .reach = arbitrary_net_reach (transfer->net->settings),
    .margin = MARGIN,
    .octave_margin = arbitrary_net_reach (transfer->net->settings),
    .multiple = PICTURE_MULTIPLE,
    .grain = true,
    .apart = true,
    .build = build,
    .data = transfer,
  };
  net.norms = arbitrary_net_norms (transfer->net->settings, net.channels);
  for (guint i = 0; i < transfer->paths->len; i++)
    net.fixed += 2 * (transfer->encoded[i].keys->size + transfer->encoded[i].values->size);
  return net;
}

static void *
transfer_open (const struct paint_settings *settings, GError **error)
{
  struct transfer *transfer = g_new0 (struct transfer, 1);
  struct steered *steered = &transfer->steered;
  transfer->settings = settings;
  if (!open_all (transfer, error)) {
    transfer_close (transfer);
    return NULL;
  }
  struct canvas_settings of_canvas = steered_settings (settings);
  struct canvas_net net = canvas_net_of (transfer);
  if (transfer->brushwork)
    transfer->weights = brushwork_join (transfer->brushwork, &net);
  steered->canvas = canvas_new (&net, &of_canvas);
  steered->rows = g_new0 (float, steered->control->mixes->len *net.rows);
  transfer->palettes = g_new0 (struct colors_sums, steered->control->mixes->len);
  for (guint m = 0; m < steered->control->mixes->len; m++) {
    GArray *parts = control_mix_at (steered->control, m)->parts;
    for (guint i = 0; i < parts->len; i++) {
      const struct control_part *part = &g_array_index (parts, struct control_part, i);
      steered->rows[m * net.rows + part->row] += part->weight;
      colors_sums_mix (&transfer->palettes[m], &transfer->encoded[part->row].palette, part->weight);
    }
  }
  return transfer;
}

static const struct colors_sums *
transfer_palettes (const void *self, int *n)
{
  const struct transfer *transfer = self;
  *n = (int) transfer->steered.control->mixes->len;
  return transfer->palettes;
}

static unsigned
transfer_controls (const void *self)
{
  return METHOD_REGIONS | METHOD_GRAIN;
}

static const char *
transfer_style (const void *self)
{
  return ((const struct transfer *) self)->label;
}

static const char *
transfer_file (const void *self)
{
  return ((const struct transfer *) self)->net->path;
}

static void
transfer_sources (const void *self, GPtrArray *paths)
{
  const struct transfer *transfer = self;
  g_ptr_array_add (paths, g_strdup (transfer->net->path));
  if (transfer->brushwork)
    g_ptr_array_add (paths, g_strdup (brushwork_file (transfer->brushwork)));
  control_sources (transfer->steered.control, paths);
}

static void
transfer_describe (const void *self, JsonObject *recipe)
{
  const struct transfer *transfer = self;
  g_autofree char *model = g_path_get_basename (transfer->net->path);
  json_object_set_string_member (recipe, "style", transfer->label);
  json_object_set_string_member (recipe, "pack", model);
  json_object_set_string_member (recipe, "sha256", transfer->sha256);
  style_images_describe (control_mix_at (transfer->steered.control, 0)->images, recipe);
  brushwork_describe (transfer->brushwork, recipe);
  steered_describe (&transfer->steered, recipe);
}

/* The network is the one that is found now; it must be the one of the recipe. Recipes from before there was a palette
 * name none. */
static bool
transfer_replay (JsonObject *recipe, const struct recipe_source *source, struct paint_settings *settings,
                 GError **error)
{
  if (!recipe_check_in_use (recipe, MODEL, "its network", source, error) ||
      !brushwork_replay (recipe, source, settings, error))
    return false;
  if (!json_object_has_member (json_object_get_object_member (recipe, "options"), "palette"))
    settings->palette = 0;
  settings->style_image = style_images_replay (recipe, source, error);
  return settings->style_image && recipe_replay_regions (recipe, true, source, settings, error);
}

const struct method method_image = {
  .name = "image",
  .open = transfer_open,
  .close = transfer_close,
  .controls = transfer_controls,
  .set_brush = steered_set_brush,
  .prepare = steered_prepare,
  .run = steered_run,
  .run_rows = steered_run_rows,
  .strength = steered_strength,
  .palettes = transfer_palettes,
  .shares = steered_shares,
  .style = transfer_style,
  .file = transfer_file,
  .sources = transfer_sources,
  .describe = transfer_describe,
  .replay = transfer_replay,
};
