/* SPDX-License-Identifier: Apache-2.0
 *
 * Digits from IDX files, whole in memory, and pictures from folders. */
#include "train/gan_data.h"

#include <gio/gio.h>
#include <string.h>

#include "base/random.h"
#include "impasto/error.h"

#define IDX_MAX ((gsize) 1 << 30) /* bytes, decompressed */
#define STREAM_ORDER 500

struct gan_data {
  struct gan_data_options options;
  struct dataset *folder;   /* or: */
  GBytes *pictures, *label; /* headers included */
  guint count;
  int classes;
  guint *order; /* of epoch number epoch - 1 */
  uint64_t epoch;
  float *rgb; /* a batch of a folder */
};

static GBytes *
fail_file (GError **error, const char *path, const char *why)
{
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: %s", path, why);
  return NULL;
}

/* The bytes of a file, decompressed where it is gzip. */
static GBytes *
read_bytes (const char *path, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) local = NULL;
  g_autoptr (GInputStream) in = G_INPUT_STREAM (g_file_read (file, NULL, &local));
  if (!in)
    return fail_file (error, path, local->message);
  if (g_str_has_suffix (path, ".gz")) {
    g_autoptr (GConverter) unzip = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
    GInputStream *packed = in;
    in = g_converter_input_stream_new (packed, unzip);
    g_object_unref (packed);
  }
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 chunk[65536];
  gssize n;
  while ((n = g_input_stream_read (in, chunk, sizeof chunk, NULL, &local)) > 0) {
    if (bytes->len + (gsize) n > IDX_MAX)
      return fail_file (error, path, "is larger than 1 GiB");
    g_byte_array_append (bytes, chunk, (guint) n);
  }
  return n < 0 ? fail_file (error, path, local->message) : g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

static guint
big_endian (const guint8 *at)
{
  return (guint) at[0] << 24 | (guint) at[1] << 16 | (guint) at[2] << 8 | at[3];
}

/* An IDX file of unsigned bytes with @axes axes, whose extents go into @extent. */
static GBytes *
read_idx (const char *path, guint axes, guint *extent, GError **error)
{
  g_autoptr (GBytes) bytes = read_bytes (path, error);
  gsize size, values = 1, head = 4 + 4 * axes;
  if (!bytes)
    return NULL;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  if (size < head || data[0] || data[1] || data[2] != 8 || data[3] != axes)
    return fail_file (error, path, "is no IDX file of this kind");
  for (guint i = 0; i < axes; i++) {
    extent[i] = big_endian (data + 4 + 4 * i);
    values = extent[i] && values <= IDX_MAX / extent[i] ? values * extent[i] : 0;
  }
  if (values == 0 || values != size - head)
    return fail_file (error, path, "has not the bytes its head promises");
  return g_steal_pointer (&bytes);
}

static bool
open_idx (struct gan_data *data, const char *path, GError **error)
{
  guint extent[3], labels;
  const struct gan_data_options *options = &data->options;
  data->pictures = read_idx (path, 3, extent, error);
  if (!data->pictures)
    return false;
  if (extent[1] != (guint) options->side || extent[2] != (guint) options->side) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: its pictures are %ux%u, the network wants %dx%d", path,
                 extent[2], extent[1], options->side, options->side);
    return false;
  }
  data->count = extent[0];
  g_autoptr (GString) name = g_string_new (path);
  g_string_replace (name, "images", "labels", 0);
  g_string_replace (name, "idx3", "idx1", 0);
  if (!g_file_test (name->str, G_FILE_TEST_EXISTS))
    return true;
  data->label = read_idx (name->str, 1, &labels, error);
  if (!data->label)
    return false;
  if (labels != data->count)
    return fail_file (error, name->str, "has not a label for each picture"), false;
  const guint8 *label = (const guint8 *) g_bytes_get_data (data->label, NULL) + 8;
  for (guint i = 0; i < labels; i++)
    data->classes = MAX (data->classes, label[i] + 1);
  return true;
}

static bool
is_idx (const char *name)
{
  return strstr (name, "idx3-ubyte") != NULL;
}

/* @path, or the IDX file of pictures in it; NULL: it is a folder of pictures. */
static char *
find_idx (const char *path)
{
  if (!g_file_test (path, G_FILE_TEST_IS_DIR))
    return g_strdup (path);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if (is_idx (name))
      return g_build_filename (path, name, NULL);
  return NULL;
}

static bool
open_folder (struct gan_data *data, const char *path, GError **error)
{
  const struct gan_data_options *options = &data->options;
  struct dataset_options dataset = {.size = options->side,
                                    .batch = options->batch,
                                    .seed = options->seed,
                                    .first_step = options->first,
                                    .zoom = options->zoom,
                                    .rotation = options->rotation > 0 ? options->rotation : -1,
                                    .keep_handedness = !options->mirror,
                                    .recursive = true};
  data->folder = dataset_open (path, &dataset, error);
  data->rgb = g_try_new (float, (gsize) options->batch * 3 * options->side * options->side);
  return data->folder && data->rgb;
}

struct gan_data *
gan_data_open (const char *path, const struct gan_data_options *options, GError **error)
{
  g_autoptr (gan_data) data = g_new0 (struct gan_data, 1);
  g_autofree char *idx = find_idx (path);
  data->options = *options;
  bool ok = idx ? open_idx (data, idx, error) : open_folder (data, path, error);
  data->order = ok && idx ? g_try_new (guint, data->count) : NULL;
  return ok ? g_steal_pointer (&data) : NULL;
}

void
gan_data_free (struct gan_data *data)
{
  if (!data)
    return;
  g_clear_pointer (&data->folder, dataset_free);
  g_clear_pointer (&data->pictures, g_bytes_unref);
  g_clear_pointer (&data->label, g_bytes_unref);
  g_free (data->order);
  g_free (data->rgb);
  g_free (data);
}

/* Picture @i of all that are ever shown. */
static guint
shown (struct gan_data *data, uint64_t i)
{
  uint64_t epoch = i / data->count + 1;
  struct random_key key = {.seed = data->options.seed, .stream = STREAM_ORDER, .step = epoch};
  if (epoch != data->epoch) {
    for (guint k = 0; k < data->count; k++) {
      guint at = (guint) random_below (key, k, k + 1);
      data->order[k] = data->order[at];
      data->order[at] = k;
    }
    data->epoch = epoch;
  }
  return data->order[i % data->count];
}

static void
idx_batch (struct gan_data *data, uint64_t n, float *pictures, int *labels)
{
  const struct gan_data_options *options = &data->options;
  const guint8 *values = (const guint8 *) g_bytes_get_data (data->pictures, NULL) + 16;
  const guint8 *classes = data->label ? (const guint8 *) g_bytes_get_data (data->label, NULL) + 8 : NULL;
  int64_t plane = (int64_t) options->side * options->side;
  for (int i = 0; i < options->batch; i++) {
    guint chosen = shown (data, n * (uint64_t) options->batch + (uint64_t) i);
    labels[i] = classes ? classes[chosen] : 0;
    for (int64_t c = 0; c < options->channels; c++)
      for (int64_t k = 0; k < plane; k++)
        pictures[(i * options->channels + c) * plane + k] = values[chosen * plane + k] / 127.5f - 1;
  }
}

/* RGB in 0..1 to channels in -1..1; grey is the luma. */
static void
take_channels (const struct gan_data *data, float *pictures)
{
  const struct gan_data_options *options = &data->options;
  int64_t plane = (int64_t) options->side * options->side;
  for (int64_t i = 0; i < options->batch; i++)
    for (int64_t k = 0; k < plane; k++) {
      const float *rgb = data->rgb + 3 * i * plane + k;
      if (options->channels == 1)
        pictures[i * plane + k] = 2 * (0.2126f * rgb[0] + 0.7152f * rgb[plane] + 0.0722f * rgb[2 * plane]) - 1;
      for (int64_t c = 0; options->channels == 3 && c < 3; c++)
        pictures[(3 * i + c) * plane + k] = 2 * rgb[c * plane] - 1;
    }
}

bool
gan_data_batch (struct gan_data *data, uint64_t n, float *pictures, int *labels, GError **error)
{
  if (!data->folder) {
    idx_batch (data, n, pictures, labels);
    return true;
  }
  if (!dataset_batch (data->folder, n, data->rgb, error))
    return false;
  take_channels (data, pictures);
  memset (labels, 0, data->options.batch * sizeof *labels);
  return true;
}

int
gan_data_classes (const struct gan_data *data)
{
  return data->classes;
}

struct dataset *
gan_data_folder (struct gan_data *data)
{
  return data->folder;
}
