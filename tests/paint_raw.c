/* SPDX-License-Identifier: Apache-2.0
 *
 * paint_raw STYLE WIDTHxHEIGHT IN OUT: paints raw float32 planes (3, height, width) in float32 and without grain, as
 * `impasto paint` does before it rounds. What other programs are compared with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile/plan.h"
#include "effect/paint.h"

static bool
paint (char **argv, GError **error)
{
  int width = 0, height = 0;
  g_autofree char *bytes = NULL;
  gsize size;
  if (sscanf (argv[2], "%dx%d", &width, &height) != 2 || !g_file_get_contents (argv[3], &bytes, &size, error))
    return false;
  g_autoptr (picture) picture = picture_new (width, height, false, error);
  if (!picture)
    return false;
  if (size != (gsize) width * height * 3 * sizeof (float)) {
    g_set_error (error, G_FILE_ERROR, 0, "%s holds %zu bytes, not %dx%d floats of three planes", argv[3], size, width,
                 height);
    return false;
  }
  memcpy (picture->rgb, bytes, size);
  struct paint_settings settings = {0};
  option_init (paint_options, &settings);
  settings.style = argv[1];
  settings.precision = PRECISION_F32;
  settings.grain = 0;
  g_autoptr (painter) painter = painter_new (&settings, error);
  return painter && painter_run (painter, picture, NULL, error) &&
         g_file_set_contents (argv[4], (const char *) picture->rgb, size, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  if (argc != 5) {
    fprintf (stderr, "usage: paint_raw STYLE WIDTHxHEIGHT IN OUT\n");
    return 2;
  }
  if (paint (argv, &error))
    return 0;
  fprintf (stderr, "paint_raw: %s\n", error ? error->message : "the size is WIDTHxHEIGHT");
  return 1;
}
