/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as the recipe in a painting: refused with a message of one line, or read, and then it names no file but
 * one that is there. */
#include <string.h>

#include "effect/recipe.h"
#include "impasto/error.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup (size > 0 ? (const char *) data : "", size);
  const struct recipe_source source = {.painting = "nowhere/painting.png"};
  for (int styled = 0; styled < 2; styled++) {
    struct paint_settings settings = {0};
    g_autoptr (GError) error = NULL;
    g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
    g_setenv ("IMPASTO_MODELS", "/nowhere", TRUE);
    option_init (paint_options, &settings);
    bool read = recipe_read (text, &source, styled, &settings, &error);
    g_assert_true (read == !error);
    if (error) {
      g_assert_true (g_error_matches (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT));
      g_assert_true (g_utf8_validate (error->message, -1, NULL) && strpbrk (error->message, "\r\n") == NULL);
    } else
      g_assert_true (settings.style == NULL && settings.region == NULL);
    option_clear (paint_options, &settings);
  }
  return 0;
}
