/* SPDX-License-Identifier: Apache-2.0
 *
 * Made-up pictures; see waves.h. */
#include "waves.h"

#include <math.h>

#include "fixture.h"

struct picture *
make_waves (int width, int height, int kind)
{
  struct picture *picture = picture_new (width, height, false, NULL);
  for (int c = 0; c < 3; c++)
    for (int y = 0; y < height; y++)
      for (int x = 0; x < width; x++) {
        double phase = (double) x * (1 + kind % 3) / 9 + (double) y * (1 + kind / 3) / 7 + c * (kind + 1);
        picture->rgb[(c * height + y) * width + x] = (float) (0.5 + 0.45 * sin (phase));
      }
  return picture;
}

char *
save_waves (const char *name, int width, int height, int kind)
{
  char *path = file (name);
  g_autoptr (GError) error = NULL;
  g_autoptr (picture) picture = make_waves (width, height, kind);
  picture_save (picture, path, NULL, &error);
  g_assert_no_error (error);
  return path;
}
