/* SPDX-License-Identifier: Apache-2.0
 *
 * Method "image": any painting as a style, at once (net/arbitrary.c). Each painting is seen once, when the method is opened,
 * and becomes a few hundred tokens; photographs are painted with those. Up to WHOLE pixels on its longer side a picture
 * is painted whole; a larger one in tiles that share the statistics of its thumbnail: a margin of all that a pixel depends on
 * makes neighbouring tiles agree. Tiles stand at multiples of 8, where the network's own grids lie. */
#include <math.h>
#include <string.h>

#include "compile/plan.h"
#include "effect/paint.h"
#include "effect/style_images.h"
#include "effect/styles.h"
#include "image/pixels.h"
#include "impasto/error.h"
#include "net/net_file.h"

#define MODEL "arbitrary.safetensors"
#define WHOLE 1024      /* longer side of what is painted whole, and of thumbnails */
#define TILE_MARGIN 64  /* all that a pixel of a tile depends on */
#define WHOLE_MARGIN 24 /* mirrored pixels around a picture: near its own border the network has seen too little */
#define MULTIPLE 16     /* of a style image's sides */
#define NORMS 7         /* statistics of the network */

const char *const fusion_names[] = {"attention", "adain", NULL};

/* A painting as the network takes it. */
struct encoded {
  struct tensor *keys, *values, *mean;
};

/* A plan for pictures of one size, its margin included. */
struct sized_plan {
  struct plan *plan;
  int width, height, margin;
};

struct transfer {
  const struct paint_settings *settings;
  struct net_file *net;
  char *sha256, *label;
  GArray *images;          /* struct style_image */
  struct encoded *encoded; /* as many */
  struct sized_plan whole; /* of the picture, or of its thumbnail */
  struct sized_plan tile;  /* empty when the picture is painted whole */
};

static void
sized_plan_clear (struct sized_plan *sized)
{
  g_clear_pointer (&sized->plan, plan_free);
  *sized = (struct sized_plan){0};
}

static void
transfer_close (void *self)
{
  struct transfer *transfer = self;
  for (guint i = 0; transfer->encoded && i < transfer->images->len; i++) {
    g_clear_pointer (&transfer->encoded[i].keys, tensor_unref);
    g_clear_pointer (&transfer->encoded[i].values, tensor_unref);
    g_clear_pointer (&transfer->encoded[i].mean, tensor_unref);
  }
  sized_plan_clear (&transfer->whole);
  sized_plan_clear (&transfer->tile);
  g_clear_pointer (&transfer->images, g_array_unref);
  g_clear_pointer (&transfer->net, net_file_free);
  g_free (transfer->encoded);
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

/* A painting of @style_size or, when it is smaller, as it is; sides are brought to multiples of 16. */
static struct picture *
load_painting (const struct transfer *transfer, const char *path, GError **error)
{
  g_autoptr (picture) picture = picture_load (path, 0, error);
  if (!picture)
    return NULL;
  double scale = fmin (1, (double) transfer->settings->style_size / MAX (picture->width, picture->height));
  int width = MAX (MULTIPLE, lrint (picture->width * scale / MULTIPLE) * MULTIPLE),
      height = MAX (MULTIPLE, lrint (picture->height * scale / MULTIPLE) * MULTIPLE);
  return picture_resize (picture, width, height, error);
}

static struct plan_options
plan_options_of (const struct transfer *transfer, uint64_t limit, uint64_t *needed)
{
  return (struct plan_options){.precision = transfer->settings->precision,
                               .threads = transfer->settings->threads,
                               .memory_limit = limit,
                               .needed = needed};
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
  const char *path = g_array_index (transfer->images, struct style_image, i).path;
  struct encoded *encoded = &transfer->encoded[i];
  g_autoptr (picture) painting = load_painting (transfer, path, error);
  if (!painting)
    return false;
  g_autoptr (graph) graph = graph_new ();
  sym picture = graph_input (graph, "picture", SHAPE (1, 3, painting->height, painting->width));
  struct arbitrary_style style = arbitrary_encode (picture, transfer->net->settings);
  graph_output (graph, "keys", style.keys);
  graph_output (graph, "values", style.values);
  graph_output (graph, "mean", style.mean);
  struct plan_options options = plan_options_of (transfer, 0, NULL);
  g_autoptr (plan) plan = plan_compile (graph, transfer->net->weights, &options, error);
  if (!plan)
    return false;
  memcpy (tensor_floats (plan_input (plan, "picture")), painting->rgb,
          sizeof (float) * 3 * painting->width * painting->height);
  plan_run (plan, 0, 0);
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

static void *
transfer_open (const struct paint_settings *settings, GError **error)
{
  struct transfer *transfer = g_new0 (struct transfer, 1);
  transfer->settings = settings;
  transfer->images = style_images_new (settings->style_image, error);
  bool ok = transfer->images && load_network (transfer, error);
  if (ok) {
    transfer->label = style_images_label (transfer->images);
    transfer->encoded = g_new0 (struct encoded, transfer->images->len);
  }
  for (guint i = 0; ok && i < transfer->images->len; i++)
    ok = encode (transfer, i, error);
  if (ok)
    return transfer;
  transfer_close (transfer);
  return NULL;
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

/* Plans */

static sym
shares_of (const struct transfer *transfer, struct graph *graph, GError **error)
{
  int64_t n = transfer->images->len;
  g_autoptr (tensor) shares = tensor_new (SHAPE (1, n), DTYPE_F32, error);
  for (int64_t i = 0; shares && i < n; i++)
    tensor_floats (shares)[i] = g_array_index (transfer->images, struct style_image, i).share;
  return shares ? graph_constant (graph, shares) : (sym){graph, -1};
}

/* The painter of pictures of this size. With @statistics given they are inputs "norm0" ..., else outputs. */
static struct plan *
compile (const struct transfer *transfer, int width, int height, bool given, uint64_t limit, uint64_t *needed,
         GError **error)
{
  const struct arbitrary_net *net = transfer->net->settings;
  const struct paint_settings *settings = transfer->settings;
  static const char *const names[NORMS] = {"norm0", "norm1", "norm2", "norm3", "norm4", "norm5", "norm6"};
  int64_t c[4] = {3, net->encoder.channels[0], net->encoder.channels[1], net->encoder.channels[2]};
  int64_t channels[NORMS] = {c[0], c[1], c[2], c[3], c[2], c[1], c[0]};
  g_autoptr (graph) graph = graph_new ();
  guint n = transfer->images->len;
  g_autofree struct arbitrary_style *styles = g_new0 (struct arbitrary_style, n);
  for (guint i = 0; i < n; i++)
    styles[i] = (struct arbitrary_style){graph_constant (graph, transfer->encoded[i].keys),
                                         graph_constant (graph, transfer->encoded[i].values),
                                         graph_constant (graph, transfer->encoded[i].mean)};
  sym null = {graph, -1}, shares = n > 1 ? shares_of (transfer, graph, error) : null;
  if (n > 1 && sym_null (shares))
    return NULL;
  struct style_statistics statistics = {.given = given};
  for (int i = 0; given && i < NORMS; i++)
    statistics.moments[i] = graph_input (graph, names[i], SHAPE (1, 2 * channels[i], 1, 1));
  struct arbitrary_control control = {
    .styles = styles,
    .n_styles = n,
    .weights = shares,
    .attention = settings->fusion == FUSION_ATTENTION ? graph_scalar (graph, 1) : null,
    .strength = settings->fusion_strength == 1 ? null : graph_scalar (graph, settings->fusion_strength),
    .statistics = &statistics,
  };
  sym photo = graph_input (graph, "photo", SHAPE (1, 3, height, width));
  graph_output (graph, "painting", arbitrary_net (photo, control, net));
  for (int i = 0; !given && i < statistics.count; i++)
    graph_output (graph, names[i], statistics.moments[i]);
  struct plan_options options = plan_options_of (transfer, limit, needed);
  return plan_compile (graph, transfer->net->weights, &options, error);
}

/* @sized for a picture of @width x @height, unless it is there; adds what it takes to @bytes, which may come to @limit. */
static bool
make_plan (const struct transfer *transfer, struct sized_plan *sized, int width, int height, bool given, uint64_t limit,
           uint64_t *bytes, GError **error)
{
  int margin = given ? TILE_MARGIN : WHOLE_MARGIN;
  int plan_width = (width + 2 * margin + 7) / 8 * 8, plan_height = (height + 2 * margin + 7) / 8 * 8;
  uint64_t needed = 0, room = limit > *bytes ? limit - *bytes : 1; /* 0 would be none */
  if (!sized->plan || sized->width != plan_width || sized->height != plan_height) {
    sized_plan_clear (sized);
    *sized = (struct sized_plan){compile (transfer, plan_width, plan_height, given, room, &needed, error), plan_width,
                                 plan_height, margin};
  } else
    needed = plan_memory (sized->plan);
  *bytes += needed;
  if (!sized->plan || *bytes <= limit)
    return sized->plan != NULL;
  sized_plan_clear (sized);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "more memory than there is");
  return false;
}

static uint64_t
fixed_bytes (const struct transfer *transfer)
{
  uint64_t bytes = 0;
  for (guint i = 0; i < weights_count (transfer->net->weights); i++)
    bytes += 2 * weights_at (transfer->net->weights, i)->size; /* laid out once more for the kernels */
  for (guint i = 0; i < transfer->images->len; i++)
    bytes += 2 * (transfer->encoded[i].keys->size + transfer->encoded[i].values->size);
  return bytes;
}

/* What a plan keeps when its workspace is given back, at most: input, output, and what was computed from constants. */
static uint64_t
kept_bytes (const struct transfer *transfer, const struct sized_plan *sized)
{
  return MIN (plan_memory (sized->plan),
              6 * sizeof (float) * (uint64_t) sized->width * sized->height + fixed_bytes (transfer));
}

static void
thumbnail_size (int width, int height, int *thumb_width, int *thumb_height)
{
  double scale = (double) WHOLE / MAX (width, height);
  *thumb_width = MAX (1, lrint (width * scale));
  *thumb_height = MAX (1, lrint (height * scale));
}

/* Extent of a tile: few and even ones, of at most @most, at multiples of 8. */
static int
tile_extent (int extent, int most)
{
  int n = (extent + most - 1) / most;
  return ((extent + n - 1) / n + 7) / 8 * 8;
}

/* The largest tiles that fit. The thumbnail's plan and theirs never work at the same time, so that the peak, @bytes, is one
 * of them and what the other keeps. @fixed: what is there all the time; @whole: the same and the thumbnail's plan. */
static bool
make_tiles (struct transfer *transfer, int width, int height, uint64_t limit, uint64_t fixed, uint64_t whole,
            uint64_t *bytes, GError **error)
{
  static const int sizes[] = {1024, 640, 384, 192};
  for (guint i = 0;; i++) {
    g_autoptr (GError) local = NULL;
    int across = tile_extent (width, sizes[i]), down = tile_extent (height, sizes[i]);
    *bytes = fixed + kept_bytes (transfer, &transfer->whole);
    bool made = make_plan (transfer, &transfer->tile, across, down, true, limit, bytes, &local);
    if (made)
      *bytes = MAX (*bytes, whole + kept_bytes (transfer, &transfer->tile));
    bool small = made ? *bytes <= limit : !g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY);
    if (!small && i + 1 < G_N_ELEMENTS (sizes))
      continue;
    if (local)
      g_propagate_error (error, g_steal_pointer (&local));
    return made;
  }
}

static void
forecast_tiles (const struct transfer *transfer, int width, int height, struct method_forecast *forecast)
{
  int64_t across = transfer->tile.width - 2 * TILE_MARGIN, down = transfer->tile.height - 2 * TILE_MARGIN;
  int64_t tiles = ((width + across - 1) / across) * ((height + down - 1) / down);
  forecast->operations += plan_flops (transfer->tile.plan) * tiles;
}

static bool
transfer_prepare (void *self, int width, int height, uint64_t limit, struct method_forecast *forecast, GError **error)
{
  struct transfer *transfer = self;
  int whole_width = width, whole_height = height;
  bool tiled = MAX (width, height) > WHOLE;
  uint64_t fixed = fixed_bytes (transfer), whole;
  forecast->fixed = fixed;
  if (tiled) {
    fixed += 3 * sizeof (float) * (uint64_t) width * height; /* the painting beside the photograph */
    thumbnail_size (width, height, &whole_width, &whole_height);
  } else
    sized_plan_clear (&transfer->tile);
  whole = fixed;
  bool ready = make_plan (transfer, &transfer->whole, whole_width, whole_height, false, limit, &whole, error);
  forecast->bytes = whole;
  if (ready && tiled)
    ready = make_tiles (transfer, width, height, limit, fixed, whole, &forecast->bytes, error);
  if (!ready)
    return false;
  forecast->held = forecast->fixed + kept_bytes (transfer, &transfer->whole);
  forecast->precision = precision_names[plan_precision (transfer->whole.plan)];
  forecast->operations = plan_flops (transfer->whole.plan);
  if (tiled) {
    forecast->held += kept_bytes (transfer, &transfer->tile);
    forecast_tiles (transfer, width, height, forecast);
  }
  return true;
}

/* Painting */

/* Where index @i of an endlessly mirrored row of @n falls: ... 1 0 0 1 2 2 1 0 0 1 ... */
static int
mirrored (int i, int n)
{
  i = (i % (2 * n) + 2 * n) % (2 * n);
  return i < n ? i : 2 * n - 1 - i;
}

/* The window at (x0, y0) of planes (3,h,w), mirrored where it leaves them. */
static void
copy_window (const float *in, int width, int height, int x0, int y0, float *out, int out_width, int out_height)
{
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < out_height; y++) {
      const float *row = in + ((int64_t) c * height + mirrored (y0 + y, height)) * width;
      float *to = out + ((int64_t) c * out_height + y) * out_width;
      int from = CLAMP (-x0, 0, out_width), until = CLAMP (width - x0, from, out_width);
      for (int x = 0; x < from; x++)
        to[x] = row[mirrored (x0 + x, width)];
      if (until > from)
        memcpy (to + from, row + x0 + from, (until - from) * sizeof (float));
      for (int x = until; x < out_width; x++)
        to[x] = row[mirrored (x0 + x, width)];
    }
}

/* Paints the window of @photo whose inside begins at (x, y), and what of it lies in the picture into @painting, unless it
 * is NULL. */
static bool
paint_window (const struct transfer *transfer, struct sized_plan *sized, const float *photo, int width, int height,
              int x, int y, float *painting, GError **error)
{
  int margin = sized->margin;
  copy_window (photo, width, height, x - margin, y - margin, tensor_floats (plan_input (sized->plan, "photo")),
               sized->width, sized->height);
  plan_run (sized->plan, transfer->settings->seed, 0);
  struct tensor *result = plan_output (sized->plan, "painting");
  int64_t bad = tensor_find_nonfinite (result);
  if (bad >= 0) {
    int64_t pixel = bad % ((int64_t) sized->width * sized->height);
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_NUMERIC,
                 "the network of %s gave NaN or infinity (first at x %d, y %d); --precision f32 may help",
                 transfer->net->path, (int) (x + pixel % sized->width - margin),
                 (int) (y + pixel / sized->width - margin));
    return false;
  }
  int across = MIN (sized->width - 2 * margin, width - x), down = MIN (sized->height - 2 * margin, height - y);
  for (int c = 0; painting && c < 3; c++)
    for (int row = 0; row < down; row++)
      memcpy (painting + ((int64_t) c * height + y + row) * width + x,
              tensor_floats (result) + ((int64_t) c * sized->height + margin + row) * sized->width + margin,
              across * sizeof (float));
  return true;
}

/* The statistics of the picture's thumbnail become the tiles'. */
static bool
take_statistics (struct transfer *transfer, const struct picture *picture, GError **error)
{
  int width, height;
  thumbnail_size (picture->width, picture->height, &width, &height);
  g_autofree float *thumbnail = g_try_malloc_n ((gsize) width * height, 3 * sizeof (float));
  if (!thumbnail) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for a thumbnail of %dx%d", width, height);
    return false;
  }
  if (!planes_resize (picture->rgb, 3, picture->height, picture->width, thumbnail, height, width, error) ||
      !paint_window (transfer, &transfer->whole, thumbnail, width, height, 0, 0, NULL, error))
    return false;
  for (int i = 0; i < NORMS; i++) {
    g_autofree char *name = g_strdup_printf ("norm%d", i);
    struct tensor *from = plan_output (transfer->whole.plan, name), *to = plan_input (transfer->tile.plan, name);
    if (to) /* the photograph's own colours matter at less than full strength only */
      memcpy (to->data, from->data, from->size);
  }
  plan_release (transfer->whole.plan);
  return true;
}

static bool
run_tiles (struct transfer *transfer, struct picture *picture, const struct paint_job *job, GError **error)
{
  int width = picture->width, height = picture->height, across = transfer->tile.width - 2 * TILE_MARGIN,
      down = transfer->tile.height - 2 * TILE_MARGIN, done = 0;
  int all = (width + across - 1) / across * ((height + down - 1) / down);
  g_autofree float *painting = g_try_malloc_n ((gsize) width * height, 3 * sizeof (float));
  if (!painting) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for a painting of %dx%d", width, height);
    return false;
  }
  if (!take_statistics (transfer, picture, error))
    return false;
  for (int y = 0; y < height; y += down)
    for (int x = 0; x < width; x += across)
      if (!paint_progress (job, (double) done++ / all, "painting", error) ||
          !paint_window (transfer, &transfer->tile, picture->rgb, width, height, x, y, painting, error))
        return false;
  plan_release (transfer->tile.plan);
  g_free (picture->rgb);
  picture->rgb = g_steal_pointer (&painting);
  return true;
}

static bool
transfer_run (void *self, struct picture *picture, const struct paint_job *job, GError **error)
{
  struct transfer *transfer = self;
  if (!paint_progress (job, 0, "painting", error))
    return false;
  if (transfer->tile.plan)
    return run_tiles (transfer, picture, job, error);
  bool ok =
    paint_window (transfer, &transfer->whole, picture->rgb, picture->width, picture->height, 0, 0, picture->rgb, error);
  plan_release (transfer->whole.plan);
  return ok;
}

/* Recipes */

static void
transfer_describe (const void *self, JsonObject *recipe)
{
  const struct transfer *transfer = self;
  g_autofree char *model = g_path_get_basename (transfer->net->path);
  json_object_set_string_member (recipe, "style", transfer->label);
  json_object_set_string_member (recipe, "pack", model);
  json_object_set_string_member (recipe, "sha256", transfer->sha256);
  style_images_describe (transfer->images, recipe);
  json_object_set_string_member (json_object_get_object_member (recipe, "options"), "precision",
                                 precision_names[plan_precision (transfer->whole.plan)]);
}

/* The network is the one that is found now; it must be the one of the recipe. */
static bool
transfer_replay (JsonObject *recipe, const struct recipe_source *source, struct paint_settings *settings,
                 GError **error)
{
  const char *model = recipe_string (recipe, "pack", source, error);
  const char *sha256 = model ? recipe_string (recipe, "sha256", source, error) : NULL;
  g_auto (GStrv) folders = impasto_style_folders ();
  g_autofree char *path = sha256
                            ? recipe_find_file (source, "the network", model, sha256, (const char *const *) folders,
                                                "set IMPASTO_MODELS to its folder", error)
                            : NULL;
  g_autofree char *found = path ? style_folders_find (MODEL) : NULL;
  if (!path)
    return false;
  if (g_strcmp0 (path, found) != 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: its network %s is not the one in use, %s",
                 source->painting, path, found ? found : "none");
    return false;
  }
  settings->style_image = style_images_replay (recipe, source, error);
  return settings->style_image != NULL;
}

const struct method method_image = {
  .name = "image",
  .open = transfer_open,
  .close = transfer_close,
  .prepare = transfer_prepare,
  .run = transfer_run,
  .style = transfer_style,
  .file = transfer_file,
  .describe = transfer_describe,
  .replay = transfer_replay,
};
