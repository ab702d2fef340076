/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures as batches. Work is handed out crop by crop, so that several threads finish one batch before the next
 * begins; batches wait in a ring of slots, slot k holding the step that is k modulo their number. Everything that is
 * drawn for a crop is drawn by (seed, stream, step, item), hence nothing depends on who makes it when. */
#include "train/dataset.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "impasto/error.h"
#include "train/collection.h"
#include "train/crop.h"

struct entry {
  struct bitmap *bitmap; /* when kept */
  bool broken;
};

struct slot {
  uint64_t step;
  int given, done; /* crops handed out, and made */
  float *data;     /* (batch,channels,size,size) */
  int *labels;     /* (batch) */
  GError *error;
};

struct dataset {
  struct dataset_options options;
  char *dir;
  struct collection *collection;
  guint first, n;        /* which of its pictures are served */
  struct entry *entries; /* n */
  bool in_memory;        /* the collection holds its pictures itself */
  struct slot *slots;
  GPtrArray *threads;

  GMutex mutex;      /* guards all that follows, and entries' bitmap and broken */
  GCond work, ready; /* there are crops to make; a crop is made */
  uint64_t next;     /* the step that the consumer is expected to want */
  uint64_t cached;   /* bytes */
  int busy;          /* crops in the making */
  bool quit;
  GPtrArray *problems; /* lines not yet reported */
};

/* Files */

/* Where picture @i of those served lies in the collection. */
static guint
place_of (const struct dataset *dataset, guint i)
{
  guint hold = dataset->options.hold;

  if (hold > 0)
    i = dataset->options.held ? i * hold + hold - 1 : i + i / (hold - 1);
  return dataset->first + i;
}

static void
leave_out (struct dataset *dataset, struct entry *entry, const char *problem)
{
  if (!entry->broken)
    g_ptr_array_add (dataset->problems, g_strdup (problem));
  entry->broken = true;
}

int
dataset_smallest (int size)
{
  return (size + 1) / 2;
}

static bool
too_small (const struct dataset *dataset, const struct bitmap *bitmap)
{
  return MIN (bitmap->width, bitmap->height) < dataset_smallest (dataset->options.size);
}

/* After decoding, under the mutex: into the cache while there is room, or into the list of problems. */
static struct bitmap *
take_in (struct dataset *dataset, guint i, struct bitmap *bitmap, bool *owned)
{
  struct entry *entry = &dataset->entries[i];
  uint64_t bytes = 3 * (uint64_t) bitmap->width * (uint64_t) bitmap->height;

  if (too_small (dataset, bitmap)) {
    g_autofree char *name = collection_name (dataset->collection, place_of (dataset, i));
    g_autofree char *line =
      g_strdup_printf ("%s: only %d x %d pixels, crops of %d want a shorter side of %d or more", name, bitmap->width,
                       bitmap->height, dataset->options.size, dataset_smallest (dataset->options.size));
    leave_out (dataset, entry, line);
    bitmap_free (bitmap);
    return NULL;
  }
  if (!dataset->in_memory && entry->bitmap == NULL && dataset->cached + bytes <= dataset->options.cache_bytes) {
    entry->bitmap = bitmap;
    dataset->cached += bytes;
    *owned = false;
  }
  return bitmap;
}

/* The decoded picture @i of those served; *owned tells whether the caller frees it. NULL without an error: left out. */
static struct bitmap *
fetch (struct dataset *dataset, guint i, bool *owned, GError **error)
{
  struct entry *entry = &dataset->entries[i];
  int side = (int) ceil (dataset->options.zoom * dataset->options.size);
  g_autoptr (GError) local = NULL;
  struct bitmap *bitmap;
  bool broken;

  *owned = false;
  g_mutex_lock (&dataset->mutex);
  bitmap = entry->bitmap;
  broken = entry->broken;
  g_mutex_unlock (&dataset->mutex);
  if (bitmap != NULL || broken)
    return bitmap;

  bitmap = collection_load (dataset->collection, place_of (dataset, i), side, &local);
  if (bitmap == NULL && g_error_matches (local, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY)) {
    g_propagate_error (error, g_steal_pointer (&local));
    return NULL;
  }
  *owned = bitmap != NULL;
  g_mutex_lock (&dataset->mutex);
  if (bitmap == NULL)
    leave_out (dataset, entry, local->message);
  else
    bitmap = take_in (dataset, i, bitmap, owned);
  g_mutex_unlock (&dataset->mutex);
  return bitmap;
}

/* Crops */

static size_t
crop_floats (const struct dataset *dataset)
{
  return (size_t) dataset->options.channels * (size_t) dataset->options.size * (size_t) dataset->options.size;
}

static bool
sample (const struct dataset *dataset, const struct bitmap *bitmap, const struct bitmap_view *view, float *out,
        GError **error)
{
  int size = dataset->options.size;
  g_autofree float *rgb = NULL;

  if (dataset->options.channels == 3) {
    bitmap_sample (bitmap, view, size, size, out);
    return true;
  }
  rgb = g_try_new (float, 3 * crop_floats (dataset));
  if (rgb == NULL) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "no memory for a crop of %d x %d", size, size);
    return false;
  }
  bitmap_sample (bitmap, view, size, size, rgb);
  crop_to_grey (rgb, crop_floats (dataset), out);
  return true;
}

/* Crop @item of batch @step into @out, (channels,size,size), and the class of its picture. */
static bool
make_crop (struct dataset *dataset, uint64_t step, int item, float *out, int *label, GError **error)
{
  const struct dataset_options *o = &dataset->options;
  uint64_t n = dataset->n, place = step * (uint64_t) o->batch + (uint64_t) item;
  struct random_key order = {.seed = o->seed, .stream = o->stream, .step = place / n};
  struct random_key key = {.seed = o->seed, .stream = o->stream, .step = step};
  uint64_t first = crop_picture (order, place % n, n);

  for (uint64_t k = 0; k < n; k++) {
    guint i = (guint) ((first + k) % n);
    GError *local = NULL;
    bool owned;
    struct bitmap *bitmap = fetch (dataset, i, &owned, &local);

    if (local != NULL) {
      g_propagate_error (error, local);
      return false;
    }
    if (bitmap == NULL)
      continue;
    struct bitmap_view view = crop_view (o, key, item, bitmap);
    bool ok = sample (dataset, bitmap, &view, out, error);
    if (ok)
      crop_brighten (out, crop_floats (dataset), crop_gain (o, key, item));
    *label = collection_label (dataset->collection, place_of (dataset, i));
    if (owned)
      bitmap_free (bitmap);
    return ok;
  }
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: none of its %u picture%s can be used", dataset->dir,
               dataset->n, text_plural (dataset->n));
  return false;
}

/* Reading ahead */

/* The earliest step with a crop to hand out, or NULL. */
static struct slot *
slot_with_work (struct dataset *dataset)
{
  for (int k = 0; k < dataset->options.ahead; k++) {
    struct slot *slot = &dataset->slots[(dataset->next + (uint64_t) k) % (uint64_t) dataset->options.ahead];

    if (slot->given < dataset->options.batch)
      return slot;
  }
  return NULL;
}

static gpointer
reader (gpointer data)
{
  struct dataset *dataset = data;

  g_mutex_lock (&dataset->mutex);
  while (!dataset->quit) {
    struct slot *slot = slot_with_work (dataset);

    if (slot == NULL) {
      g_cond_wait (&dataset->work, &dataset->mutex);
      continue;
    }
    int item = slot->given++;
    uint64_t step = slot->step;
    GError *error = NULL;

    dataset->busy++;
    g_mutex_unlock (&dataset->mutex);
    make_crop (dataset, step, item, slot->data + (size_t) item * crop_floats (dataset), &slot->labels[item], &error);
    g_mutex_lock (&dataset->mutex);
    dataset->busy--;
    slot->done++;
    if (slot->error == NULL)
      slot->error = error;
    else
      g_clear_error (&error);
    g_cond_broadcast (&dataset->ready);
  }
  g_mutex_unlock (&dataset->mutex);
  return NULL;
}

static void
slot_begin (struct slot *slot, uint64_t step)
{
  slot->step = step;
  slot->given = slot->done = 0;
  g_clear_error (&slot->error);
}

/* Starts over from @step, once nobody writes into a slot any more. Under the mutex. */
static void
start_from (struct dataset *dataset, uint64_t step)
{
  int ahead = dataset->options.ahead;

  for (int k = 0; k < ahead; k++)
    dataset->slots[k].given = dataset->options.batch;
  while (dataset->busy > 0)
    g_cond_wait (&dataset->ready, &dataset->mutex);
  dataset->next = step;
  for (int k = 0; k < ahead; k++)
    slot_begin (&dataset->slots[(step + (uint64_t) k) % (uint64_t) ahead], step + (uint64_t) k);
  g_cond_broadcast (&dataset->work);
}

bool
dataset_batch_labelled (struct dataset *dataset, uint64_t step, float *out, int *labels, GError **error)
{
  const struct dataset_options *o = &dataset->options;
  struct slot *slot = &dataset->slots[step % (uint64_t) o->ahead];
  bool ok;

  g_mutex_lock (&dataset->mutex);
  if (step != dataset->next)
    start_from (dataset, step);
  while (slot->done < o->batch)
    g_cond_wait (&dataset->ready, &dataset->mutex);
  ok = slot->error == NULL;
  if (ok)
    memcpy (out, slot->data, (size_t) o->batch * crop_floats (dataset) * sizeof *out);
  else
    g_propagate_error (error, g_error_copy (slot->error));
  if (ok && labels != NULL)
    memcpy (labels, slot->labels, (size_t) o->batch * sizeof *labels);
  dataset->next = step + 1;
  slot_begin (slot, step + (uint64_t) o->ahead);
  g_cond_broadcast (&dataset->work);
  g_mutex_unlock (&dataset->mutex);
  return ok;
}

bool
dataset_batch (struct dataset *dataset, uint64_t step, float *out, GError **error)
{
  return dataset_batch_labelled (dataset, step, out, NULL, error);
}

bool
dataset_make_labelled (struct dataset *dataset, uint64_t step, float *out, int *labels, GError **error)
{
  for (int item = 0; item < dataset->options.batch; item++) {
    int label;

    if (!make_crop (dataset, step, item, out + (size_t) item * crop_floats (dataset), &label, error))
      return false;
    if (labels != NULL)
      labels[item] = label;
  }
  return true;
}

bool
dataset_make (struct dataset *dataset, uint64_t step, float *out, GError **error)
{
  return dataset_make_labelled (dataset, step, out, NULL, error);
}

bool
dataset_picture (struct dataset *dataset, guint i, float *out, int *label, GError **error)
{
  int size = dataset->options.size;
  guint place = place_of (dataset, i);
  bool owned = false;

  g_return_val_if_fail (i < dataset->n, false);
  struct bitmap *bitmap = fetch (dataset, i, &owned, error);
  if (bitmap == NULL) {
    if (error != NULL && *error == NULL) {
      g_autofree char *name = collection_name (dataset->collection, place);
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: cannot be used", name);
    }
    return false;
  }
  struct bitmap_view whole = {
    .x = bitmap->width / 2.0, .y = bitmap->height / 2.0, .scale = (double) MIN (bitmap->width, bitmap->height) / size};
  bool ok = sample (dataset, bitmap, &whole, out, error);
  if (owned)
    bitmap_free (bitmap);
  if (label != NULL)
    *label = collection_label (dataset->collection, place);
  return ok;
}

bool
dataset_pick (struct dataset *dataset, uint64_t step, int each, int n, float *out, GError **error)
{
  int label;
  for (int i = 0; i < n; i++)
    if (!make_crop (dataset, step + (uint64_t) (i / each), i % each, out + (size_t) i * crop_floats (dataset), &label,
                    error))
      return false;
  return true;
}

/* Opening */

static bool
options_check (struct dataset_options *o, GError **error)
{
  o->cache_bytes = o->cache_bytes == 0 ? (uint64_t) 1 << 30 : o->cache_bytes;
  o->threads = o->threads == 0 ? 2 : o->threads;
  o->ahead = o->ahead == 0 ? 3 : o->ahead;
  o->zoom = o->zoom == 0 ? 1.5 : o->zoom;
  o->rotation = o->rotation == 0 ? 5 : MAX (o->rotation, 0);
  o->channels = o->channels == 0 ? 3 : o->channels;
  if (o->channels != 1 && o->channels != 3) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "pictures: %d channels, 1 or 3 are wanted", o->channels);
    return false;
  }
  if (o->hold == 1) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "pictures: every picture is held out");
    return false;
  }
  const struct {
    const char *what;
    double value, least, most;
  } numbers[] = {
    {"size", o->size, 1, 1 << 14}, {"batch", o->batch, 1, 1 << 16}, {"threads", o->threads, 1, 256},
    {"ahead", o->ahead, 1, 1024},  {"zoom", o->zoom, 1, 16},        {"rotation", o->rotation, 0, 30},
  };
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (!(numbers[i].value >= numbers[i].least && numbers[i].value <= numbers[i].most)) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_USAGE, "pictures: %s is %g, %g to %g is wanted", numbers[i].what,
                   numbers[i].value, numbers[i].least, numbers[i].most);
      return false;
    }
  return true;
}

/* Decodes pictures in order until one is good. */
static bool
find_readable (struct dataset *dataset, GError **error)
{
  for (guint i = 0; i < dataset->n; i++) {
    GError *local = NULL;
    bool owned;
    struct bitmap *bitmap = fetch (dataset, i, &owned, &local);

    if (owned)
      bitmap_free (bitmap);
    if (local != NULL)
      g_propagate_error (error, local);
    if (bitmap != NULL || local != NULL)
      return local == NULL;
  }
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: none of its %u picture%s can be used; the first: %s",
               dataset->dir, dataset->n, text_plural (dataset->n),
               (const char *) dataset->problems->pdata[dataset->problems->len - dataset->n]);
  return false;
}

/* Chooses which pictures are served, and looks whether any can be. */
static bool
choose (struct dataset *dataset, GError **error)
{
  const struct dataset_options *o = &dataset->options;
  guint all = collection_count (dataset->collection);
  int width, height;

  if (all == 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: holds no pictures (JPEG, PNG, WebP, TIFF, HEIC, AVIF; or an IDX file)%s", dataset->dir,
                 o->recursive ? "" : "; folders below it are not looked into");
    return false;
  }
  if (o->first >= all || o->count > all - o->first) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT, "%s: holds %u picture%s, but %u from number %u are wanted",
                 dataset->dir, all, text_plural (all), MAX (o->count, 1), o->first);
    return false;
  }
  dataset->first = o->first;
  dataset->n = o->count > 0 ? o->count : all - o->first;
  if (o->hold > 0)
    dataset->n = o->held ? dataset->n / o->hold : dataset->n - dataset->n / o->hold;
  if (dataset->n == 0) {
    g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
                 "%s: has %u picture%s, and of %u one is held out: there are too few", dataset->dir, all,
                 text_plural (all), o->hold);
    return false;
  }
  dataset->entries = g_new0 (struct entry, dataset->n);
  dataset->in_memory = collection_extent (dataset->collection, &width, &height);
  if (!dataset->in_memory)
    return find_readable (dataset, error);
  if (MIN (width, height) >= dataset_smallest (o->size))
    return true;
  g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_INPUT,
               "%s: its pictures have %d x %d pixels, crops of %d want a shorter side of %d or more", dataset->dir,
               width, height, o->size, dataset_smallest (o->size));
  return false;
}

static bool
slots_new (struct dataset *dataset, GError **error)
{
  size_t floats = (size_t) dataset->options.batch * crop_floats (dataset);

  for (int k = 0; k < dataset->options.ahead; k++) {
    dataset->slots[k].data = g_try_new (float, floats);
    dataset->slots[k].labels = g_new0 (int, dataset->options.batch);
    if (dataset->slots[k].data == NULL) {
      g_set_error (error, IMPASTO_ERROR, IMPASTO_ERROR_MEMORY, "out of memory: %d batches of %.1f MiB read ahead",
                   dataset->options.ahead, (double) (floats * sizeof (float)) / (1 << 20));
      return false;
    }
  }
  return true;
}

struct dataset *
dataset_open (const char *dir, const struct dataset_options *options, GError **error)
{
  struct dataset_options o = *options;
  g_autoptr (dataset) dataset = NULL;

  if (!options_check (&o, error))
    return NULL;
  dataset = g_new0 (struct dataset, 1);
  dataset->options = o;
  dataset->dir = g_strdup (dir);
  dataset->problems = g_ptr_array_new_with_free_func (g_free);
  dataset->threads = g_ptr_array_new ();
  dataset->slots = g_new0 (struct slot, o.ahead);
  g_mutex_init (&dataset->mutex);
  g_cond_init (&dataset->work);
  g_cond_init (&dataset->ready);
  dataset->collection = collection_open (
    dir, &(struct collection_options){.recursive = o.recursive, .classes = o.classes, .file = o.file}, error);
  if (dataset->collection == NULL)
    return NULL;
  for (const char *const *note = collection_notes (dataset->collection); *note != NULL; note++)
    g_ptr_array_add (dataset->problems, g_strdup (*note));
  for (const char *const *line = collection_unread (dataset->collection); *line != NULL; line++)
    g_ptr_array_add (dataset->problems, g_strdup (*line));
  if (!choose (dataset, error) || !slots_new (dataset, error))
    return NULL;

  start_from (dataset, o.first_step);
  for (int i = 0; i < o.threads; i++) {
    GThread *thread = g_thread_try_new ("photographs", reader, dataset, error);
    if (thread == NULL)
      return NULL;
    g_ptr_array_add (dataset->threads, thread);
  }
  return g_steal_pointer (&dataset);
}

void
dataset_free (struct dataset *dataset)
{
  if (dataset == NULL)
    return;
  g_mutex_lock (&dataset->mutex);
  dataset->quit = true;
  g_cond_broadcast (&dataset->work);
  g_mutex_unlock (&dataset->mutex);
  for (guint i = 0; i < dataset->threads->len; i++)
    g_thread_join (dataset->threads->pdata[i]);
  for (int k = 0; k < dataset->options.ahead; k++) {
    g_free (dataset->slots[k].data);
    g_free (dataset->slots[k].labels);
    g_clear_error (&dataset->slots[k].error);
  }
  g_free (dataset->slots);
  g_ptr_array_unref (dataset->threads);
  for (guint i = 0; i < dataset->n; i++)
    bitmap_free (dataset->entries[i].bitmap);
  g_free (dataset->entries);
  g_clear_pointer (&dataset->collection, collection_free);
  g_ptr_array_unref (dataset->problems);
  g_mutex_clear (&dataset->mutex);
  g_cond_clear (&dataset->work);
  g_cond_clear (&dataset->ready);
  g_free (dataset->dir);
  g_free (dataset);
}

guint
dataset_count (const struct dataset *dataset)
{
  return dataset->n;
}

int
dataset_classes (const struct dataset *dataset)
{
  return collection_classes (dataset->collection);
}

int
dataset_classes_met (const struct dataset *dataset)
{
  return collection_classes_met (dataset->collection);
}

const char *
dataset_class_name (const struct dataset *dataset, int k)
{
  return collection_class_name (dataset->collection, k);
}

char *
dataset_name (const struct dataset *dataset, guint i)
{
  return collection_name (dataset->collection, place_of (dataset, i));
}

void
dataset_inventory (const struct dataset *dataset, GString *inventory)
{
  collection_inventory (dataset->collection, inventory);
}

char **
dataset_report (struct dataset *dataset)
{
  GPtrArray *lines;

  g_mutex_lock (&dataset->mutex);
  lines = dataset->problems;
  dataset->problems = g_ptr_array_new_with_free_func (g_free);
  g_mutex_unlock (&dataset->mutex);
  g_ptr_array_set_free_func (lines, NULL);
  g_ptr_array_add (lines, NULL);
  return (char **) g_ptr_array_free (lines, FALSE);
}
