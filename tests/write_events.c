/* SPDX-License-Identifier: Apache-2.0
 *
 * write_events FOLDER: two event files, the second as of a run that was resumed, for oracle/events.py; and what must
 * fail. */
#include <stdio.h>

#include "format/events.h"
#include "image/picture.h"
#include "impasto/error.h"

static void
write_steps (const char *folder, int64_t from, int64_t to, bool again)
{
  static const char *const names[] = {"loss/generator", "grösse"};
  g_autoptr (GError) error = NULL;
  g_autoptr (events) events = events_new (folder, from - 1, &error);

  g_assert_no_error (error);
  for (int64_t step = from; step <= to; step++) {
    double values[] = {again ? -(double) step : 1.0 / (double) step, (double) step * 1e30};
    g_assert_true (events_add (events, step, 2, names, values, &error));
  }
  if (again)
    return;
  g_autofree char *sheet = g_build_filename (folder, "sheet.png", NULL),
                  *none = g_build_filename (folder, "none", NULL);
  g_autoptr (picture) picture = picture_new (5, 3, false, NULL);
  g_assert_true (picture_save (picture, sheet, NULL, &error));
  g_assert_true (events_add_picture (events, 200, "samples", sheet, &error));
  g_assert_true (events_add_picture (events, 201, "samples", sheet, &error));
  g_assert_false (events_add_picture (events, 200, "samples", none, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  if (argc != 2)
    return IMPASTO_ERROR_USAGE;
  write_steps (argv[1], 1, 250, false);
  write_steps (argv[1], 201, 300, true);
  g_assert_null (events_new ("/nowhere", 0, &error));
  g_assert_error (error, IMPASTO_ERROR, IMPASTO_ERROR_OUTPUT);
  return 0;
}
