/* SPDX-License-Identifier: Apache-2.0
 *
 * Contact sheets for the gallery, so that making it needs nothing but this tree: pictures in cells of one size, a name
 * in a corner of each. And soft masks, for paintings by region.
 *
 *   sheet OUT [--columns N] [--cell WxH] [--bytes MOST] [NAME=]PICTURE...
 *   sheet --mask OUT WxH X0,Y0 X1,Y1      white at (X0,Y0) and behind it, black at (X1,Y1) and beyond; 0..1 of the sides
 *
 * Letters are 5x7 dots, drawn twice as large: whatever fonts a machine has, the sheets look alike. */
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/pixels.h"
#include "impasto/error.h"

enum { DOTS_X = 5, DOTS_Y = 7, SCALE = 2, ADVANCE = (DOTS_X + 1) * SCALE, LINE = (DOTS_Y + 2) * SCALE, EDGE = 3 };

/* Rows from the top, five bits each, the left dot the highest. */
static const struct {
  char letter;
  guint8 rows[DOTS_Y];
} font[] = {
  {'a', {0x00, 0x00, 0x0e, 0x01, 0x0f, 0x11, 0x0f}},
  {'b', {0x10, 0x10, 0x1e, 0x11, 0x11, 0x11, 0x1e}},
  {'c', {0x00, 0x00, 0x0e, 0x11, 0x10, 0x11, 0x0e}},
  {'d', {0x01, 0x01, 0x0f, 0x11, 0x11, 0x11, 0x0f}},
  {'e', {0x00, 0x00, 0x0e, 0x11, 0x1f, 0x10, 0x0e}},
  {'f', {0x06, 0x08, 0x1e, 0x08, 0x08, 0x08, 0x08}},
  {'g', {0x00, 0x0f, 0x11, 0x11, 0x0f, 0x01, 0x0e}},
  {'h', {0x10, 0x10, 0x1e, 0x11, 0x11, 0x11, 0x11}},
  {'i', {0x04, 0x00, 0x0c, 0x04, 0x04, 0x04, 0x0e}},
  {'j', {0x02, 0x00, 0x06, 0x02, 0x02, 0x12, 0x0c}},
  {'k', {0x10, 0x10, 0x12, 0x14, 0x18, 0x14, 0x12}},
  {'l', {0x0c, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e}},
  {'m', {0x00, 0x00, 0x1a, 0x15, 0x15, 0x15, 0x15}},
  {'n', {0x00, 0x00, 0x1e, 0x11, 0x11, 0x11, 0x11}},
  {'o', {0x00, 0x00, 0x0e, 0x11, 0x11, 0x11, 0x0e}},
  {'p', {0x00, 0x00, 0x1e, 0x11, 0x1e, 0x10, 0x10}},
  {'q', {0x00, 0x00, 0x0f, 0x11, 0x0f, 0x01, 0x01}},
  {'r', {0x00, 0x00, 0x16, 0x19, 0x10, 0x10, 0x10}},
  {'s', {0x00, 0x00, 0x0f, 0x10, 0x0e, 0x01, 0x1e}},
  {'t', {0x08, 0x08, 0x1e, 0x08, 0x08, 0x09, 0x06}},
  {'u', {0x00, 0x00, 0x11, 0x11, 0x11, 0x13, 0x0d}},
  {'v', {0x00, 0x00, 0x11, 0x11, 0x11, 0x0a, 0x04}},
  {'w', {0x00, 0x00, 0x11, 0x15, 0x15, 0x15, 0x0a}},
  {'x', {0x00, 0x00, 0x11, 0x0a, 0x04, 0x0a, 0x11}},
  {'y', {0x00, 0x00, 0x11, 0x11, 0x0f, 0x01, 0x0e}},
  {'z', {0x00, 0x00, 0x1f, 0x02, 0x04, 0x08, 0x1f}},
  {'0', {0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e}},
  {'1', {0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e}},
  {'2', {0x0e, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1f}},
  {'3', {0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e}},
  {'4', {0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02}},
  {'5', {0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e}},
  {'6', {0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e}},
  {'7', {0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08}},
  {'8', {0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e}},
  {'9', {0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c}},
  {'-', {0x00, 0x00, 0x00, 0x1e, 0x00, 0x00, 0x00}},
  {'+', {0x00, 0x04, 0x04, 0x1f, 0x04, 0x04, 0x00}},
  {'.', {0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c}},
  {',', {0x00, 0x00, 0x00, 0x00, 0x0c, 0x04, 0x08}},
  {':', {0x00, 0x0c, 0x0c, 0x00, 0x0c, 0x0c, 0x00}},
  {'/', {0x01, 0x01, 0x02, 0x04, 0x08, 0x10, 0x10}},
  {'%', {0x18, 0x19, 0x02, 0x04, 0x08, 0x13, 0x03}},
  {'&', {0x08, 0x14, 0x14, 0x08, 0x15, 0x12, 0x0d}},
  {' ', {0}},
};

static const guint8 *
glyph (char letter)
{
  static const guint8 unknown[DOTS_Y] = {0x1f, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1f};
  for (size_t i = 0; i < G_N_ELEMENTS (font); i++)
    if (font[i].letter == g_ascii_tolower (letter))
      return font[i].rows;
  return unknown;
}

struct rectangle {
  int x, y, width, height;
};

static void
shade (struct picture *sheet, struct rectangle r, float factor, float shift)
{
  int64_t plane = (int64_t) sheet->width * sheet->height;
  for (int c = 0; c < 3; c++)
    for (int y = MAX (r.y, 0); y < MIN (r.y + r.height, sheet->height); y++)
      for (int x = MAX (r.x, 0); x < MIN (r.x + r.width, sheet->width); x++) {
        float *value = sheet->rgb + c * plane + (int64_t) y * sheet->width + x;
        *value = *value * factor + shift;
      }
}

static void
draw_line (struct picture *sheet, const char *text, int length, int x, int y)
{
  shade (sheet, (struct rectangle){x - EDGE, y - SCALE, length * ADVANCE + EDGE, LINE}, 0.25f, 0);
  for (int i = 0; i < length; i++)
    for (int row = 0; row < DOTS_Y; row++)
      for (int column = 0; column < DOTS_X; column++)
        if (glyph (text[i])[row] >> (DOTS_X - 1 - column) & 1)
          shade (sheet, (struct rectangle){x + i * ADVANCE + column * SCALE, y + row * SCALE, SCALE, SCALE}, 0, 0.95f);
}

/* At the lower left of the cell; on two lines, parted at a '-' or space, where one is too narrow. */
static void
draw_name (struct picture *sheet, const char *name, struct rectangle cell)
{
  int room = (cell.width - 2 * EDGE) / ADVANCE, length = strlen (name), first = length;
  if (length > room)
    for (first = MIN (room, length) - 1; first > 1 && name[first] != '-' && name[first] != ' '; first--)
      ;
  if (length > room && first > 1) {
    first++;
    draw_line (sheet, name, MIN (first, room), cell.x + EDGE, cell.y + cell.height - 2 * LINE + SCALE);
    draw_line (sheet, name + first, MIN (length - first, room), cell.x + EDGE, cell.y + cell.height - LINE + SCALE);
  } else
    draw_line (sheet, name, MIN (length, room), cell.x + EDGE, cell.y + cell.height - LINE + SCALE);
}

/* The picture cut to the cell's shape, and scaled. */
static struct picture *
load_cell (const char *path, int width, int height, GError **error)
{
  g_autoptr (picture) picture = picture_load (path, 0, error);
  if (!picture)
    return NULL;
  double scale = MIN ((double) picture->width / width, (double) picture->height / height);
  int w = CLAMP (lround (width * scale), 1, picture->width), h = CLAMP (lround (height * scale), 1, picture->height);
  g_autoptr (picture) cut = picture_crop (picture, (picture->width - w) / 2, (picture->height - h) / 2, w, h, error);
  return cut ? picture_resize (cut, width, height, error) : NULL;
}

struct sheet {
  const char *output;
  int columns, width, height, gap;
  gint64 most; /* bytes of the file */
};

/* The finest quality that stays below the limit. */
static bool
save (const struct picture *picture, const struct sheet *sheet, GError **error)
{
  for (int quality = 90; quality >= 30; quality -= 5) {
    GStatBuf status;
    if (!picture_save (picture, sheet->output, &(struct picture_save_options){.quality = quality}, error))
      return false;
    if (g_stat (sheet->output, &status) == 0 && status.st_size <= sheet->most) {
      printf ("%s: %dx%d, %d KB\n", sheet->output, picture->width, picture->height, (int) (status.st_size / 1000));
      return true;
    }
  }
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT, "%s: larger than %d bytes at any quality", sheet->output,
               (int) sheet->most);
  return false;
}

static bool
make_sheet (const struct sheet *sheet, char **words, GError **error)
{
  int n = g_strv_length (words);
  g_autofree const float **cells = g_new0 (const float *, n);
  g_autoptr (GPtrArray) pictures = g_ptr_array_new_with_free_func ((GDestroyNotify) picture_free);
  for (int i = 0; i < n; i++) {
    const char *equals = strchr (words[i], '=');
    struct picture *cell = load_cell (equals ? equals + 1 : words[i], sheet->width, sheet->height, error);
    if (!cell)
      return false;
    g_ptr_array_add (pictures, cell);
    cells[i] = cell->rgb;
  }
  g_autoptr (picture) all = picture_sheet (cells, n, sheet->width, sheet->height, sheet->columns, sheet->gap, error);
  if (!all)
    return false;
  for (int i = 0; i < n; i++) {
    const char *equals = strchr (words[i], '=');
    g_autofree char *name = equals ? g_strndup (words[i], equals - words[i]) : NULL;
    struct rectangle cell = {i % sheet->columns * (sheet->width + sheet->gap),
                             i / sheet->columns * (sheet->height + sheet->gap), sheet->width, sheet->height};
    if (name && *name)
      draw_name (all, name, cell);
  }
  return save (all, sheet, error);
}

static bool
make_mask (const char *output, int width, int height, const double from[2], const double to[2], GError **error)
{
  g_autoptr (picture) mask = picture_new (width, height, false, error);
  double dx = to[0] - from[0], dy = to[1] - from[1], square = dx * dx + dy * dy;
  for (int y = 0; mask && y < height; y++)
    for (int x = 0; x < width; x++) {
      double t = (((x + 0.5) / width - from[0]) * dx + ((y + 0.5) / height - from[1]) * dy) / MAX (square, 1e-9);
      t = CLAMP (t, 0, 1);
      for (int c = 0; c < 3; c++)
        mask->rgb[((int64_t) c * height + y) * width + x] = 1 - t * t * (3 - 2 * t);
    }
  return mask && picture_save (mask, output, NULL, error);
}

static int
usage (void)
{
  fputs ("usage: sheet OUT [--columns N] [--cell WxH] [--bytes MOST] [NAME=]PICTURE...\n"
         "       sheet --mask OUT WxH X0,Y0 X1,Y1\n",
         stderr);
  return IMPASTO_ERROR_USAGE;
}

static int
finish (bool done, GError *const *error)
{
  if (!done)
    fprintf (stderr, "sheet: %s\n", (*error)->message);
  return done ? 0 : (*error)->code;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  struct sheet sheet = {.columns = 4, .width = 192, .height = 144, .gap = 4, .most = 250000};
  if (argc == 6 && g_str_equal (argv[1], "--mask")) {
    int w, h;
    double from[2], to[2];
    if (sscanf (argv[3], "%dx%d", &w, &h) != 2 || w < 1 || h < 1 ||
        sscanf (argv[4], "%lf,%lf", &from[0], &from[1]) != 2 || sscanf (argv[5], "%lf,%lf", &to[0], &to[1]) != 2)
      return usage ();
    return finish (make_mask (argv[2], w, h, from, to, &error), &error);
  }
  int i = 2;
  for (; i + 1 < argc && g_str_has_prefix (argv[i], "--"); i += 2) {
    if (g_str_equal (argv[i], "--columns"))
      sheet.columns = atoi (argv[i + 1]);
    else if (g_str_equal (argv[i], "--bytes"))
      sheet.most = atoll (argv[i + 1]);
    else if (!g_str_equal (argv[i], "--cell") || sscanf (argv[i + 1], "%dx%d", &sheet.width, &sheet.height) != 2)
      return usage ();
  }
  if (i >= argc || sheet.columns < 1 || sheet.width < 1 || sheet.height < 1)
    return usage ();
  sheet.output = argv[1];
  return finish (make_sheet (&sheet, argv + i, &error), &error);
}
