/* SPDX-License-Identifier: Apache-2.0
 *
 * A dataset: pictures as batches of square crops, with the class of each where they come in classes. The pictures are a
 * folder's, a folder of class folders', or those of an IDX file (MNIST): see train/collection.h. Batch number `step` is
 * a pure function of the files, the options and the seed: the same bytes whichever thread makes it, in whatever order,
 * after a resume as before; there is no state to keep.
 *
 * Every epoch shows every picture once, in an order of its own. A crop comes from the picture scaled so that its
 * shorter side is between `size` and `zoom` times `size` pixels, turned by a few degrees (the crop stays inside: no
 * corners from nowhere) and mirrored half of the time. Threads read ahead; decoded pictures of folders are kept in
 * memory, the first that come until the limit is reached (with every picture shown once an epoch, evicting the oldest
 * would always evict the next one needed); an IDX file is in memory as a whole.
 *
 * A file that cannot be read, or is so small that it would have to be enlarged more than twice, is reported once and
 * left out: the next readable one stands in, with its own class. One thread at a time may use a dataset.
 *
 * Digits as they are, values 0..1, classes 0..9, all but the last 2,000:
 *
 *     struct dataset_options o = {.size = 28, .channels = 1, .batch = 64, .seed = 1, .classes = true, .count = 8000,
 *                                 .zoom = 1, .rotation = -1, .keep_handedness = true};
 *     struct dataset *digits = dataset_open ("digits/t10k-images-idx3-ubyte.gz", &o, error);
 *     dataset_batch_labelled (digits, step, x, y, error)
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct dataset dataset;

/* Of numbers but size and batch, 0 means the default. */
struct dataset_options {
  int size;     /* side of a crop, pixels */
  int channels; /* 3, the default: sRGB; 1: grey, its luma */
  int batch;    /* crops a step */
  uint64_t seed;
  uint32_t stream;      /* tells datasets of one run apart */
  uint64_t first_step;  /* where reading ahead begins */
  uint64_t cache_bytes; /* of decoded photographs kept; default 1 GiB */
  int threads;          /* readers; default 2 */
  int ahead;            /* batches read ahead; default 3 */
  double zoom;          /* default 1.5; at least 1 */
  double rotation;      /* degrees to either side, up to 30; default 5, less than 0: none */
  bool keep_handedness; /* never mirror */
  double overexposed;   /* share of the crops that are brightened, up to twice, so that their lights are flat white */
  bool recursive;       /* also the folders below; links to folders are not followed */
  bool classes;         /* the pictures come in classes: folders, or labels of an IDX file */
  bool file;            /* the folder may also be the file of one picture */
  guint first, count; /* serve only so many, counted by path or as they lie in the IDX file; default: all from first */
  guint hold;         /* 2 or more: of those, every so manyth is held out, */
  bool held;          /* and only those that are held out are served */
};

/* The least shorter side that a picture may have for crops of @size: half of it, rounded up. */
int dataset_smallest (int size);

/* IMPASTO_ERROR_INPUT: @dir is no folder and no IDX file, holds no pictures or none that can be read, has no classes
 * where `classes` wants them, or fewer pictures than `first` and `count` want; IMPASTO_ERROR_USAGE: options out of
 * range; IMPASTO_ERROR_MEMORY. */
struct dataset *dataset_open (const char *dir, const struct dataset_options *options, GError **error);

/* Waits for its threads. */
void dataset_free (struct dataset *dataset);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (dataset, dataset_free)

/* Fills @out, (batch,channels,size,size), 0..1 as sRGB encodes it, with batch number @step, and reads on from the one
 * after it: fast when steps follow each other. IMPASTO_ERROR_INPUT when no file can be read any more. */
bool dataset_batch (struct dataset *dataset, uint64_t step, float *out, GError **error);

/* And @labels, (batch), with the classes of the pictures, 0 <= label < dataset_classes; all 0 without classes. */
bool dataset_batch_labelled (struct dataset *dataset, uint64_t step, float *out, int *labels, GError **error);

/* The same batch made here and now, leaving what is read ahead alone: for samples out of turn. */
bool dataset_make (struct dataset *dataset, uint64_t step, float *out, GError **error);
bool dataset_make_labelled (struct dataset *dataset, uint64_t step, float *out, int *labels, GError **error);

/* Fills @out with @n crops, the first @each of every batch from number @step on, made here and now: for sheets. */
bool dataset_pick (struct dataset *dataset, uint64_t step, int each, int n, float *out, GError **error);

/* Picture @i of those served, for measuring: the middle square as it is, neither zoomed nor turned nor mirrored, into
 * @out, (channels,size,size); @label may be NULL. IMPASTO_ERROR_INPUT: it is one that is left out. */
bool dataset_picture (struct dataset *dataset, guint i, float *out, int *label, GError **error);

/* Pictures served, those left out included. */
guint dataset_count (const struct dataset *dataset);

/* What picture @i of those served is called: "photos/a.jpg", "digits/... picture 17"; a new string. */
char *dataset_name (const struct dataset *dataset, guint i);

/* Number of classes, 0 without, and how many of them have pictures; the name of class @k: a folder's, "0" for the
 * labels of an IDX file. */
int dataset_classes_met (const struct dataset *dataset);
int dataset_classes (const struct dataset *dataset);
const char *dataset_class_name (const struct dataset *dataset, int k);

/* Adds its files to what a run keeps to find out at a resume whether the data are the same; see train/inventory.h. */
void dataset_inventory (const struct dataset *dataset, GString *inventory);

/* "path: reason" for each file left out since the last call, each once; NULL-terminated, g_strfreev. */
char **dataset_report (struct dataset *dataset);
