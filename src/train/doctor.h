/* SPDX-License-Identifier: Apache-2.0
 *
 * The dataset doctor: looks at every picture of a collection as training will, and says in plain words what it would be
 * surprised by: pictures that are left out, and those that it takes but otherwise than one may think. Decodes
 * everything once, in all threads. A report belongs to its caller. */
#pragma once

#include <glib.h>
#include <stdbool.h>

enum doctor_kind {
  DOCTOR_DAMAGED,   /* cannot be decoded; left out */
  DOCTOR_TINY,      /* would be enlarged more than twice; left out */
  DOCTOR_SMALL,     /* is enlarged */
  DOCTOR_ODD,       /* so long that a crop shows little of it */
  DOCTOR_GREY,      /* grey, where training is in colour */
  DOCTOR_ALPHA,     /* transparency is laid on white */
  DOCTOR_BLANK,     /* one colour all over */
  DOCTOR_DUPLICATE, /* the same bytes as an earlier one */
  DOCTOR_SIMILAR,   /* the same picture rescaled, recompressed or slightly changed */
  DOCTOR_BESIDE,    /* lies where it is not read; pictures beside class folders are left out */
  DOCTOR_CLASS,     /* about a class as a whole */
  DOCTOR_FEW,       /* one picture alone */
  DOCTOR_KINDS
};

/* "damaged", "tiny", ... */
extern const char *const doctor_names[];

struct doctor_finding {
  enum doctor_kind kind;
  char *name; /* of the picture, folder or class */
  char *text; /* what is so and what training does: "grey; becomes three equal channels" */
};

struct doctor_options {
  int size;     /* of training's crops */
  int channels; /* 3 or 1 */
  bool recursive, classes;
  int threads; /* 0 = all */
};

struct doctor_report {
  guint pictures, used;      /* found, also where they are not read; not left out */
  guint shortest, middle, longest; /* shorter sides of those that can be read; 0: there is none */
  guint count[DOCTOR_KINDS]; /* findings of a kind */
  GArray *findings;          /* struct doctor_finding, by picture */
  char *summary;             /* lines */
};

/* Called now and then in the calling thread; false stops. */
typedef bool (*doctor_progress_fn) (guint done, guint all, void *data);

/* IMPASTO_ERROR_INPUT: nothing that could be looked at; IMPASTO_ERROR_CANCELLED: @progress (may be NULL) stopped it.
 * That no picture can be used is no error here. */
struct doctor_report *doctor_check (const char *path, const struct doctor_options *options, doctor_progress_fn progress,
                                    void *data, GError **error);
void doctor_report_free (struct doctor_report *report);
