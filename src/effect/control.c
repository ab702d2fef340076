/* SPDX-License-Identifier: Apache-2.0
 *
 * Steering: the little language of --style and --region, and masks as shares of mixes. Shares lie one over the other as
 * layers of paint do: a region of opacity m leaves 1 - m of what is below (Porter and Duff 1984, "over"). */
#include "effect/control.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "effect/style_images.h"
#include "effect/styles.h"
#include "image/bitmap.h"
#include "image/pixels.h"
#include "impasto/error.h"

#define PACK_SUFFIX ".safetensors"
#define LARGE_PIXELS (1 << 24) /* a mask of more is kept with a shorter side of LARGE_SIDE */
#define LARGE_SIDE 2048
#define REGION_WANTED "--region wants MASK=STYLE, as sky.png=starry-night"

static void
part_clear (gpointer data)
{
  struct control_part *part = data;
  g_free (part->style);
  g_free (part->name);
}

/* A number and nothing else; NaN and infinity are none. @value stays as it is when it is none. */
static bool
number (const char *text, double *value)
{
  char *end;
  double read = g_ascii_strtod (text, &end);
  bool ok = *text && !g_ascii_isspace (*text) && *end == '\0' && isfinite (read);
  if (ok)
    *value = read;
  return ok;
}

/* "NAME", "NAME:0.5", "FILE.safetensors", "FILE.safetensors:NAME:0.5"; the folder of a run is a file as well */
static bool
parse_part (const char *option, const char *text, struct control_part *part, GError **error)
{
  const char *colon = strrchr (text, ':');
  g_autofree char *shown = text_show (text);
  *part = (struct control_part){.weight = 1};
  g_autofree char *before = colon ? g_strndup (text, colon - text) : NULL;
  bool of_file = before && (g_str_has_suffix (before, PACK_SUFFIX) || g_file_test (before, G_FILE_TEST_IS_DIR));
  if (colon && !strchr (colon, G_DIR_SEPARATOR) && !g_str_has_suffix (text, PACK_SUFFIX)) {
    if (number (colon + 1, &part->weight)) {
      if (part->weight < 0)
        return style_fail (error, IMPASTO_ERROR_USAGE, "--%s: the weight in '%s' is negative", option, shown);
      part->style = g_steal_pointer (&before);
    } else if (!of_file || colon[1] == '\0')
      return style_fail (error, IMPASTO_ERROR_USAGE, "--%s wants a number as weight after the colon, not '%s'", option,
                         shown);
  }
  if (!part->style)
    part->style = g_strdup (text);
  if (*part->style)
    return true;
  g_clear_pointer (&part->style, g_free);
  return style_fail (error, IMPASTO_ERROR_USAGE, "--%s: a style is missing; a mix is NAME:WEIGHT,NAME:WEIGHT", option);
}

/* Where the part at @text ends. A file's folder may have commas in its name. */
static const char *
part_end (const char *text)
{
  const char *comma = strchr (text, ','), *suffix = strstr (text, PACK_SUFFIX), *slash = strchr (text, G_DIR_SEPARATOR);
  if (comma && suffix && slash && slash < comma && comma < suffix)
    comma = strchr (suffix, ',');
  return comma ? comma : text + strlen (text);
}

GArray *
control_parse_mix (const char *option, const char *text, GError **error)
{
  g_autoptr (GArray) parts = g_array_new (FALSE, TRUE, sizeof (struct control_part));
  g_array_set_clear_func (parts, part_clear);
  double sum = 0;
  if (!text || !*text) {
    style_fail (error, IMPASTO_ERROR_USAGE,
                "a style is wanted: --style NAME or FILE" PACK_SUFFIX
                ", or --style-image PAINTING; impasto styles lists what there is");
    return NULL;
  }
  if (g_file_test (text, G_FILE_TEST_EXISTS)) { /* whatever its name */
    struct control_part part = {.style = g_strdup (text), .weight = 1};
    g_array_append_val (parts, part);
    return g_steal_pointer (&parts);
  }
  for (const char *at = text, *end; at; at = *end ? end + 1 : NULL) {
    end = part_end (at);
    g_autofree char *one = g_strstrip (g_strndup (at, end - at));
    struct control_part part;
    if (!parse_part (option, one, &part, error))
      return NULL;
    g_array_append_val (parts, part);
    sum += part.weight;
  }
  if (parts->len > CONTROL_PARTS_MAX)
    style_fail (error, IMPASTO_ERROR_USAGE, "--%s mixes %d styles at most", option, CONTROL_PARTS_MAX);
  else if (sum == 0 || !isfinite (sum))
    style_fail (error, IMPASTO_ERROR_USAGE, "--%s: the weights %s", option,
                sum == 0 ? "are all zero" : "are too large");
  else {
    for (guint i = 0; i < parts->len; i++)
      g_array_index (parts, struct control_part, i).weight /= sum;
    return g_steal_pointer (&parts);
  }
  return NULL;
}

static void
mix_free (gpointer data)
{
  struct control_mix *mix = data;
  g_clear_pointer (&mix->parts, g_array_unref);
  g_clear_pointer (&mix->images, g_array_unref);
  g_free (mix->mask);
  g_free (mix->sha256);
  g_free (mix->grey);
  g_free (mix->fitted);
  g_free (mix);
}

/* The parts of @mix, of a pack's styles or of paintings. */
static bool
parse_mix (struct control_mix *mix, const char *option, const char *text, bool images, GError **error)
{
  if (!images) {
    mix->parts = control_parse_mix (option, text, error);
    return mix->parts != NULL;
  }
  mix->images = style_images_new (option, text, error);
  if (!mix->images)
    return false;
  mix->parts = g_array_new (FALSE, TRUE, sizeof (struct control_part));
  g_array_set_clear_func (mix->parts, part_clear);
  for (guint i = 0; i < mix->images->len; i++) {
    const struct style_image *image = &g_array_index (mix->images, struct style_image, i);
    struct control_part part = {.style = g_strdup (image->path), .weight = image->share};
    g_array_append_val (mix->parts, part);
  }
  return true;
}

static bool
new_mask (struct control_mix *mix, int width, int height, GError **error)
{
  mix->width = width;
  mix->height = height;
  mix->grey = g_try_malloc_n ((size_t) width * height, sizeof (float));
  return mix->grey ||
         style_fail (error, IMPASTO_ERROR_MEMORY, "%s: no memory for a mask of %dx%d", mix->mask, width, height);
}

static float
grey_of (float r, float g, float b)
{
  return r == g && g == b ? r : 0.2126f * r + 0.7152f * g + 0.0722f * b;
}

/* A mask of a print is shrunk while it is decoded. */
static bool
load_large (struct control_mix *mix, GError **error)
{
  g_autoptr (bitmap) bitmap = bitmap_load (mix->mask, LARGE_SIDE, PICTURE_MAX_STREAMED, error);
  if (!bitmap || !new_mask (mix, bitmap->width, bitmap->height, error))
    return false;
  for (int64_t i = 0; i < (int64_t) mix->width * mix->height; i++)
    mix->grey[i] = grey_of (bitmap->rgb[3 * i], bitmap->rgb[3 * i + 1], bitmap->rgb[3 * i + 2]) / 255;
  return true;
}

/* What is transparent is black. */
static bool
load_small (struct control_mix *mix, GError **error)
{
  g_autoptr (picture) picture = picture_load (mix->mask, 0, error);
  if (!picture || !new_mask (mix, picture->width, picture->height, error))
    return false;
  int64_t n = (int64_t) picture->width * picture->height;
  for (int64_t i = 0; i < n; i++) {
    float grey = grey_of (picture->rgb[i], picture->rgb[n + i], picture->rgb[2 * n + i]);
    mix->grey[i] = CLAMP (picture->alpha ? grey * picture->alpha[i] : grey, 0, 1);
  }
  return true;
}

/* The grey values of a picture. */
static bool
load_mask (struct control_mix *mix, GError **error)
{
  struct picture_info info;
  float most = 0;
  if (!picture_probe (mix->mask, PICTURE_MAX_STREAMED, &info, error)) {
    g_prefix_error (error, "--region: ");
    return false;
  }
  bool large = (int64_t) info.width * info.height > LARGE_PIXELS && !info.alpha;
  if (!(large ? load_large (mix, error) : load_small (mix, error)))
    return false;
  for (int64_t i = 0; i < (int64_t) mix->width * mix->height; i++)
    most = MAX (most, mix->grey[i]);
  if (most == 0)
    return style_fail (error, IMPASTO_ERROR_INPUT, "%s: the mask is black all over; white is where its style shows",
                       mix->mask);
  mix->sha256 = style_sha256 (mix->mask, error);
  return mix->sha256 != NULL;
}

/* "MASK=STYLE[:WEIGHT],...[@STRENGTH]"; @strength is the picture's. */
static bool
add_region (struct control *control, const char *text, bool images, double strength, GError **error)
{
  g_autofree char *shown = text_show (text);
  const char *equals = strrchr (text, '='), *at = strrchr (text, '@');
  if (!equals || equals == text || !equals[1])
    return style_fail (error, IMPASTO_ERROR_USAGE, REGION_WANTED ", not '%s'", shown);
  if (control->mixes->len > CONTROL_REGIONS_MAX)
    return style_fail (error, IMPASTO_ERROR_USAGE, "--region: %d regions at most", CONTROL_REGIONS_MAX);
  struct control_mix *mix = g_new0 (struct control_mix, 1);
  g_ptr_array_add (control->mixes, mix);
  mix->strength = strength;
  mix->mask = g_strndup (text, equals - text);
  g_strstrip (mix->mask);
  bool own = at > equals && number (at + 1, &mix->strength);
  bool meant = at > equals && !own && (!at[1] || strspn (at + 1, "+-.0123456789") || g_str_has_prefix (at + 1, "nan"));
  if (meant || (own && !(mix->strength >= 0 && mix->strength <= 2)))
    return style_fail (error, IMPASTO_ERROR_USAGE, "--region: a strength is 0..2, not '%s'", shown);
  g_autofree char *style = own ? g_strndup (equals + 1, at - equals - 1) : g_strdup (equals + 1);
  return parse_mix (mix, "region", style, images, error) && load_mask (mix, error);
}

struct control *
control_new (const struct paint_settings *settings, bool images, GError **error)
{
  g_autoptr (control) control = g_new0 (struct control, 1);
  control->mixes = g_ptr_array_new_with_free_func (mix_free);
  control->brush = log2 (settings->brush);
  struct control_mix *mix = g_new0 (struct control_mix, 1);
  g_ptr_array_add (control->mixes, mix);
  mix->strength = settings->strength;
  if (!parse_mix (mix, images ? "style-image" : "style", images ? settings->style_image : settings->style, images,
                  error))
    return NULL;
  g_auto (GStrv) regions = g_strsplit_set (settings->region ? settings->region : "", ";\n", -1);
  for (char **region = regions; *region; region++)
    if (*g_strstrip (*region) && !add_region (control, *region, images, settings->strength, error))
      return NULL;
  if (settings->region && control->mixes->len == 1) {
    style_fail (error, IMPASTO_ERROR_USAGE, REGION_WANTED ", not ''");
    return NULL;
  }
  return g_steal_pointer (&control);
}

void
control_free (struct control *control)
{
  if (!control)
    return;
  g_ptr_array_unref (control->mixes);
  g_free (control);
}

const struct control_mix *
control_mix_at (const struct control *control, int i)
{
  return control->mixes->pdata[i];
}

char *
control_mix_text (const struct control_mix *mix)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < mix->parts->len; i++) {
    const struct control_part *part = &g_array_index (mix->parts, struct control_part, i);
    g_autofree char *weight = text_number (part->weight);
    g_string_append_printf (text, "%s%s%s%s", i ? "," : "", part->name, mix->parts->len > 1 ? ":" : "",
                            mix->parts->len > 1 ? weight : "");
  }
  return g_string_free (text, FALSE);
}

char *
control_mix_label (const struct control_mix *mix)
{
  GString *text = g_string_new (NULL);
  for (guint i = 0; i < mix->parts->len; i++) {
    const struct control_part *part = &g_array_index (mix->parts, struct control_part, i);
    g_string_append_printf (text, "%s%s", i ? "+" : "", part->name);
  }
  return g_string_free (text, FALSE);
}

GPtrArray *
control_paintings (const struct control *control, GError **error)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  for (guint m = 0; m < control->mixes->len; m++) {
    GArray *parts = control_mix_at (control, m)->parts;
    for (guint i = 0; i < parts->len; i++) {
      struct control_part *part = &g_array_index (parts, struct control_part, i);
      guint row;
      if (!g_ptr_array_find_with_equal_func (paths, part->style, g_str_equal, &row)) {
        row = paths->len;
        g_ptr_array_add (paths, part->style);
      }
      part->row = row;
    }
  }
  if (paths->len <= STYLE_IMAGES_MAX)
    return g_steal_pointer (&paths);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--style-image and --region: %d paintings at most in all",
               STYLE_IMAGES_MAX);
  return NULL;
}

double
control_least_strength (const struct control *control)
{
  double least = control_mix_at (control, 0)->strength;
  for (guint i = 1; i < control->mixes->len; i++)
    least = MIN (least, control_mix_at (control, i)->strength);
  return least;
}

void
control_rows (const struct control *control, const struct style_net *net, const double *strength_of_all, float *rows)
{
  int64_t n = style_net_rows (net), photograph = style_net_photograph_row (net), brush = style_net_brush_row (net);
  memset (rows, 0, control->mixes->len * n * sizeof (float));
  for (guint i = 0; i < control->mixes->len; i++, rows += n) {
    const struct control_mix *mix = control_mix_at (control, i);
    double strength = photograph < 0 ? 1 : strength_of_all ? *strength_of_all : mix->strength;
    for (guint j = 0; j < mix->parts->len; j++) {
      const struct control_part *part = &g_array_index (mix->parts, struct control_part, j);
      rows[part->row] += strength * part->weight;
    }
    if (photograph >= 0)
      rows[photograph] = 1 - strength;
    if (brush >= 0) {
      rows[brush] = MAX (control->brush, 0);
      rows[brush + 1] = MAX (-control->brush, 0);
    }
  }
}

/* A mask that is larger than the painting is shrunk to it, or it would be read in places only. */
static bool
fit_mask (struct control_mix *mix, int width, int height, GError **error)
{
  if (mix->fit_w == width && mix->fit_h == height)
    return true;
  g_clear_pointer (&mix->fitted, g_free);
  mix->fit_w = width;
  mix->fit_h = height;
  mix->small_w = MIN (mix->width, width);
  mix->small_h = MIN (mix->height, height);
  if (mix->small_w == mix->width && mix->small_h == mix->height)
    return true;
  int64_t n = (int64_t) mix->small_w * mix->small_h;
  mix->fitted = g_try_malloc_n (n, sizeof (float));
  if (!mix->fitted || !planes_resize (mix->grey, 1, mix->height, mix->width, mix->fitted, mix->small_h, mix->small_w,
                                      mix->fitted ? error : NULL)) {
    if (!mix->fitted)
      style_fail (error, IMPASTO_ERROR_MEMORY, "%s: no memory for a mask of %dx%d", mix->mask, mix->small_w,
                  mix->small_h);
    mix->fit_w = 0;
    return false;
  }
  for (int64_t i = 0; i < n; i++) /* Lanczos overshoots */
    mix->fitted[i] = CLAMP (mix->fitted[i], 0, 1);
  return true;
}

bool
control_fit (struct control *control, int width, int height, GError **error)
{
  for (guint i = 1; i < control->mixes->len; i++)
    if (!fit_mask (control->mixes->pdata[i], width, height, error))
      return false;
  return true;
}

/* Where index @i of an endlessly mirrored row of @n falls: ... 1 0 0 1 2 2 1 ... */
static int
mirrored (int i, int n)
{
  i = (i % (2 * n) + 2 * n) % (2 * n);
  return i < n ? i : 2 * n - 1 - i;
}

/* A pixel of the painting lies between two of the mask: the first, and the share of the second. */
struct tap {
  int first, second;
  float share;
};

static struct tap
tap_at (int i, int extent, int mask_extent)
{
  double at = (mirrored (i, extent) + 0.5) * mask_extent / extent - 0.5;
  int first = floor (at);
  return (struct tap){MAX (first, 0), MIN (first + 1, mask_extent - 1), at - first};
}

/* (h,w) of the mask into @opacity, bilinear. */
static void
sample (const struct control_mix *mix, int x, int y, int w, int h, float *opacity)
{
  const float *grey = mix->fitted ? mix->fitted : mix->grey;
  g_autofree struct tap *taps = g_new (struct tap, w);
  for (int i = 0; i < w; i++)
    taps[i] = tap_at (x + i, mix->fit_w, mix->small_w);
  for (int j = 0; j < h; j++) {
    struct tap row = tap_at (y + j, mix->fit_h, mix->small_h);
    const float *above = grey + (int64_t) row.first * mix->small_w, *below = grey + (int64_t) row.second * mix->small_w;
    for (int i = 0; i < w; i++) {
      const struct tap *t = &taps[i];
      float top = above[t->first] + (above[t->second] - above[t->first]) * t->share;
      float bottom = below[t->first] + (below[t->second] - below[t->first]) * t->share;
      opacity[(int64_t) j * w + i] = top + (bottom - top) * row.share;
    }
  }
}

void
control_shares (const struct control *control, int x, int y, int w, int h, float *shares)
{
  int64_t n = (int64_t) w * h;
  for (int64_t i = 0; i < n; i++)
    shares[i] = 1;
  for (guint k = 1; k < control->mixes->len; k++) {
    float *opacity = shares + k * n;
    sample (control_mix_at (control, k), x, y, w, h, opacity);
    for (guint below = 0; below < k; below++)
      for (int64_t i = 0; i < n; i++)
        shares[below * n + i] *= 1 - opacity[i];
  }
}

void
control_strength (const struct control *control, int x, int y, int w, int h, float *map)
{
  int64_t n = (int64_t) w * h;
  g_autofree float *opacity = control->mixes->len > 1 ? g_new (float, n) : NULL;
  for (guint k = 0; k < control->mixes->len; k++) {
    const struct control_mix *mix = control_mix_at (control, k);
    if (k > 0)
      sample (mix, x, y, w, h, opacity);
    for (int64_t i = 0; i < n; i++)
      map[i] = k ? map[i] + (mix->strength - map[i]) * opacity[i] : mix->strength;
  }
}

void
control_describe (const struct control *control, JsonObject *recipe)
{
  JsonArray *regions = json_array_new ();
  for (guint i = 1; i < control->mixes->len; i++) {
    const struct control_mix *mix = control_mix_at (control, i);
    JsonObject *region = json_object_new ();
    g_autofree char *name = g_path_get_basename (mix->mask), *style = mix->images ? NULL : control_mix_text (mix);
    json_object_set_string_member (region, "mask", name);
    json_object_set_string_member (region, "sha256", mix->sha256);
    if (mix->images)
      style_images_describe (mix->images, region);
    else
      json_object_set_string_member (region, "style", style);
    json_object_set_double_member (region, "strength", mix->strength);
    json_array_add_object_element (regions, region);
  }
  if (json_array_get_length (regions) > 0)
    json_object_set_array_member (recipe, "regions", regions);
  else
    json_array_unref (regions);
}

void
control_sources (const struct control *control, GPtrArray *paths)
{
  for (guint i = 0; i < control->mixes->len; i++) {
    const struct control_mix *mix = control_mix_at (control, i);
    if (mix->mask)
      g_ptr_array_add (paths, g_strdup (mix->mask));
    style_images_sources (mix->images, paths);
  }
}

uint64_t
control_bytes (const struct control *control)
{
  uint64_t bytes = 0;
  for (guint i = 1; i < control->mixes->len; i++) {
    const struct control_mix *mix = control_mix_at (control, i);
    bytes += sizeof (float) * ((uint64_t) mix->width * mix->height);
    bytes += mix->fitted ? sizeof (float) * ((uint64_t) mix->small_w * mix->small_h) : 0;
  }
  return bytes;
}
