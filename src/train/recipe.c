/* SPDX-License-Identifier: Apache-2.0
 *
 * What recipes share; see recipe.h. */
#include "train/recipe.h"

#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "device/cpu.h"
#include "impasto/error.h"

#define WARMUP 100 /* steps at most; a twentieth of a short run */

bool
recipe_check_given (const struct recipe *recipe, const void *settings, const char *const *given, GError **error)
{
  for (const struct option_use *use = recipe->uses; given && use && use->name; use++)
    if (g_strv_contains (given, use->name) && !use->applies (settings)) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "--%s %s", use->name, use->where);
      return false;
    }
  return true;
}

struct plan *
recipe_compile (const struct trainer *trainer, struct graph *graph, GError **error)
{
  struct plan_options options = {
    .precision = trainer->run.precision, .threads = trainer->run.threads, .memory_limit = cpu_memory_available ()};
  return plan_compile (graph, trainer->weights, &options, error);
}

void
recipe_set (struct plan *plan, const char *name, int64_t i, double value)
{
  struct tensor *tensor = plan_input (plan, name);
  if (tensor)
    tensor_floats (tensor)[i] = value;
}

double
recipe_rate (const struct trainer *trainer, double rate)
{
  rate *= watchdog_rate (trainer->watchdog);
  return cosine_rate (rate, trainer->step, trainer->run.steps, MIN (WARMUP, trainer->run.steps / 20));
}

double
recipe_linear_rate (const struct trainer *trainer, double rate, double hold)
{
  return linear_rate (rate * watchdog_rate (trainer->watchdog), trainer->step, trainer->run.steps, hold);
}

void
recipe_set_rates (struct plan *plan, int64_t step, const struct optimizer_options *optimizer, double rate,
                  double average)
{
  recipe_set (plan, "rate", 0, optimizer_rate (optimizer, rate, step));
  recipe_set (plan, "decay", 0, average_decay (average, step));
}

float *
recipe_sheet_photos (struct dataset *photos, int n, int64_t size, GError **error)
{
  g_autofree float *picked = g_try_new (float, n * 3 * size * size);
  if (picked) /* far beyond the run, so that no training batch is the same */
    return dataset_pick (photos, 1000000000, 1, n, picked, error) ? g_steal_pointer (&picked) : NULL;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for the photographs of a sheet");
  return NULL;
}

float *
recipe_input_at (struct plan *plan, const char *name, int64_t item)
{
  struct tensor *tensor = plan_input (plan, name);
  return tensor ? tensor_floats (tensor) + item * shape_size (&tensor->shape) / tensor->shape.dim[0] : NULL;
}

void
recipe_fill_noise (struct plan *plan, const char *name, uint32_t stream)
{
  struct tensor *tensor = plan_input (plan, name);
  if (tensor)
    random_uniform_fill ((struct random_key){.stream = stream}, 0, tensor_floats (tensor), shape_size (&tensor->shape));
}

void
recipe_stats (struct plan *plan, const char *const *names, guint n, struct train_stats *stats)
{
  for (guint i = 0; i < n; i++) {
    struct tensor *value = plan_output (plan, names[i]);
    if (!value)
      continue;
    g_assert (stats->n < STATS_MAX);
    stats->name[stats->n] = names[i];
    stats->value[stats->n++] = tensor_floats (value)[0];
  }
}

/* One painting in patches is a use of its own. */
static void
say_how_many (struct trainer *trainer, const struct dataset *dataset, const char *dir,
              const struct dataset_options *options)
{
  guint n = dataset_count (dataset), classes = options->classes ? dataset_classes_met (dataset) : 0;
  bool painting = options->file && !g_file_test (dir, G_FILE_TEST_IS_DIR);
  g_autofree char *sorts = classes ? g_strdup_printf (" in %u class%s", classes, classes == 1 ? "" : "es") : NULL;
  g_autofree char *few = n < (guint) options->batch && !painting
                           ? g_strdup_printf (", fewer than a batch of %d: they will be known by heart", options->batch)
                           : NULL;
  trainer_say (trainer, "learns from %u picture%s%s of %s%s", n, text_plural (n), sorts ? sorts : "", dir,
               few ? few : "");
}

struct dataset *
recipe_open_data (struct trainer *trainer, const char *dir, const struct dataset_options *options, GError **error)
{
  struct dataset *dataset = dataset_open (dir, options, error);
  if (!dataset)
    return NULL;
  dataset_inventory (dataset, trainer->inventory);
  if (!trainer->run.resume)
    say_how_many (trainer, dataset, dir, options);
  return dataset;
}

bool
recipe_check_classes (const struct trainer *trainer, const struct dataset *dataset, const char *path, GError **error)
{
  if (trainer->run.resume || dataset_classes_met (dataset) >= 2)
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
               "%s: has pictures of one class alone; there is nothing to tell apart: classes are its folders, or the "
               "labels beside an IDX file",
               path);
  return false;
}

#define CLASS_NAMES "data.class-names"

void
recipe_keep_class_names (struct trainer *trainer, const struct dataset *dataset)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  for (int k = 0; k < dataset_classes (dataset); k++) {
    const char *name = dataset_class_name (dataset, k);
    g_byte_array_append (bytes, (const guint8 *) name, strlen (name) + 1);
  }
  g_autoptr (tensor) tensor = bytes->len ? tensor_new (SHAPE (bytes->len), DTYPE_U8, NULL) : NULL;
  if (!tensor)
    return;
  memcpy (tensor->data, bytes->data, bytes->len);
  weights_add (trainer->weights, CLASS_NAMES, tensor);
}

void
recipe_name_classes (struct net_file *file, struct weights *run, int64_t n)
{
  const struct tensor *tensor = weights_find (run, CLASS_NAMES);
  if (n == 0 || !tensor || tensor->dtype != DTYPE_U8)
    return;
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *at = tensor->data, *end = at + tensor->size;
  for (const char *zero; names->len < (guint) n && (zero = memchr (at, 0, end - at)); at = zero + 1)
    g_ptr_array_add (names, (gpointer) at);
  net_file_set_class_names (file, (const char *const *) names->pdata, names->len);
}

void
recipe_report (struct trainer *trainer, struct dataset *dataset)
{
  g_auto (GStrv) lines = dataset ? dataset_report (dataset) : NULL;
  for (int i = 0; lines && lines[i]; i++)
    trainer_say (trainer, "left out: %s", lines[i]);
}

bool
recipe_start_from (const struct trainer *trainer, struct weights *from, const char *part, const char *prefix,
                   const char *path, GError **error)
{
  for (guint i = 0; i < 2 * weights_count (from); i++) {
    const char *name = weights_name (from, i / 2);
    struct tensor *value = weights_at (from, i / 2);
    g_autofree char *own = g_strdup_printf ("%s%s%s", i % 2 ? "average." : "", prefix, name);
    struct tensor *to = weights_find (trainer->weights, own);
    if (!g_str_has_prefix (name, part))
      continue;
    if (!to || !shape_equal (&to->shape, &value->shape)) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE,
                   "%s: its network has other settings than this run: %s differs", path, name);
      return false;
    }
    memcpy (to->data, value->data, value->size);
  }
  return true;
}

struct weights *
recipe_averaged (struct weights *run, const char *prefix)
{
  g_autofree char *begin = g_strconcat ("average.", prefix, NULL);
  struct weights *averaged = weights_new ();
  for (guint i = 0; i < weights_count (run); i++) {
    const char *name = weights_name (run, i);
    if (g_str_has_prefix (name, begin))
      weights_add (averaged, name + strlen (begin), weights_at (run, i));
  }
  return averaged;
}

JsonObject *
recipe_facts (const struct trainer *trainer, const char *const *hidden)
{
  JsonObject *facts = option_to_json (trainer->recipe->options, trainer->settings);
  for (; *hidden; hidden++)
    json_object_remove_member (facts, *hidden);
  json_object_set_int_member (facts, "steps", trainer->step);
  json_object_set_int_member (facts, "seed", trainer->run.seed);
  return facts;
}
