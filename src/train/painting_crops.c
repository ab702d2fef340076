/* SPDX-License-Identifier: Apache-2.0
 *
 * Paintings of files and folders, crops of them and other colours for those; see painting_crops.h. */
#include "train/painting_crops.h"

#include <math.h>
#include <string.h>

#include "image/pixels.h"
#include "impasto/error.h"
#include "train/inventory.h"
#include "train/sheet.h"

#define COLUMNS 6 /* of a sheet */

enum { STREAM_SHEET = 403 }; /* random numbers of sheets */

static bool
add_painting (GPtrArray *paintings, const char *path, double shorter, GError **error)
{
  g_autoptr (picture) whole = painting_load (path, error);
  if (!whole)
    return false;
  double scale = shorter / MIN (whole->width, whole->height);
  struct picture *painting =
    picture_resize (whole, ceil (whole->width * scale - 1e-6), ceil (whole->height * scale - 1e-6), error);
  if (painting)
    g_ptr_array_add (paintings, painting);
  return painting != NULL;
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* The pictures of a folder, by their extension; what is none, and what no style can be taken from, is told and left
 * out. */
static bool
add_folder (struct trainer *trainer, GPtrArray *paintings, const char *path, double shorter, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  for (const char *name; dir && (name = g_dir_read_name (dir));)
    if (name[0] != '.' && picture_can_save (name, NULL))
      g_ptr_array_add (names, g_build_filename (path, name, NULL));
  if (names->len == 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: holds no pictures", path);
    return false;
  }
  g_ptr_array_sort (names, by_name);
  for (guint i = 0; i < names->len; i++) {
    g_autoptr (GError) local = NULL;
    inventory_add_file (trainer->inventory, names->pdata[i]);
    if (add_painting (paintings, names->pdata[i], shorter, &local))
      continue;
    if (!g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_INPUT)) {
      g_propagate_error (error, g_steal_pointer (&local));
      return false;
    }
    trainer_say (trainer, "left out: %s", local->message);
  }
  return true;
}

GPtrArray *
paintings_load (struct trainer *trainer, double shorter, GError **error)
{
  g_autoptr (GPtrArray) paintings = g_ptr_array_new_with_free_func ((GDestroyNotify) picture_free);
  for (int i = 0; trainer->inputs && trainer->inputs[i]; i++) {
    const char *path = trainer->inputs[i];
    bool folder = g_file_test (path, G_FILE_TEST_IS_DIR);
    if (!(folder ? add_folder (trainer, paintings, path, shorter, error)
                 : add_painting (paintings, path, shorter, error)))
      return NULL;
  }
  if (paintings->len > 0)
    return g_steal_pointer (&paintings);
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "train %s wants paintings, or folders of them",
               trainer->recipe->name);
  return NULL;
}

void
painting_recolour (float *rgb, int64_t n, struct random_key key)
{
  double angle = (random_uniform (key, 0) - 0.5) * 2 * G_PI / 3, saturation = 0.5 + random_uniform (key, 1);
  double contrast = 0.7 + 0.5 * random_uniform (key, 2), shift = 0.2 * (random_uniform (key, 3) - 0.5);
  double co = saturation * cos (angle), si = saturation * sin (angle);
  for (int64_t k = 0; k < n; k++) {
    double r = rgb[k], g = rgb[n + k], b = rgb[2 * n + k];
    double y = 0.299 * r + 0.587 * g + 0.114 * b, i = 0.596 * r - 0.274 * g - 0.322 * b,
           q = 0.211 * r - 0.523 * g + 0.312 * b;
    double i2 = co * i - si * q, q2 = si * i + co * q;
    y = 0.5 + contrast * (y - 0.5) + shift;
    rgb[k] = CLAMP (y + 0.956 * i2 + 0.621 * q2, 0, 1);
    rgb[n + k] = CLAMP (y - 0.272 * i2 - 0.647 * q2, 0, 1);
    rgb[2 * n + k] = CLAMP (y - 1.106 * i2 + 1.703 * q2, 0, 1);
  }
}

bool
painting_crop (const struct picture *painting, double zoom, int64_t size, struct random_key key, int item, float *out,
               GError **error)
{
  int64_t base = 4 * item;
  int shorter = MIN (painting->width, painting->height);
  double scaled = 1 + (zoom - 1) * random_uniform (key, 2 * base);
  int side = CLAMP (lrint (shorter / scaled), 1, shorter);
  int x = random_below (key, base + 1, painting->width - side + 1),
      y = random_below (key, base + 2, painting->height - side + 1);
  bool mirror = random_below (key, base + 3, 2);
  g_autoptr (picture) square = picture_crop (painting, x, y, side, side, error);
  if (!square || !planes_resize (square->rgb, 3, side, side, out, size, size, error))
    return false;
  for (int64_t row = 0; row < 3 * size; row++)
    for (int64_t i = 0; i < size; i++)
      out[row * size + i] = CLAMP (out[row * size + i], 0, 1);
  for (int64_t row = 0; mirror && row < 3 * size; row++)
    for (int64_t i = 0; i < size / 2; i++) {
      float *a = &out[row * size + i], *b = &out[row * size + size - 1 - i], left = *a;
      *a = *b;
      *b = left;
    }
  return true;
}

/* --- Sheets --- */

bool
painting_of_sheet (const GPtrArray *paintings, int i, int n, double zoom, int64_t size, float *out, GError **error)
{
  struct random_key key = {.stream = STREAM_SHEET, .step = i};
  return painting_crop (paintings->pdata[(guint64) i * paintings->len / n], zoom, size, key, 0, out, error);
}

bool
paintings_reals (const GPtrArray *paintings, double zoom, struct dataset *photos, int64_t batch, int64_t size,
                 const char *path, GError **error)
{
  int shown = MIN (paintings->len, COLUMNS * COLUMNS), rows = (shown + COLUMNS - 1) / COLUMNS;
  g_autoptr (sheet) sheet = sheet_new (path, COLUMNS, rows + 2, size, error);
  if (!sheet)
    return false;
  for (int i = 0; i < shown; i++)
    if (!painting_of_sheet (paintings, i, shown, zoom, size, sheet_cell (sheet, i), error))
      return false;
  return dataset_pick (photos, 0, batch, 2 * COLUMNS, sheet_cell (sheet, rows * COLUMNS), error) &&
         sheet_save (sheet, error);
}
