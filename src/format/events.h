/* SPDX-License-Identifier: Apache-2.0
 *
 * TensorBoard's event files, written: figures and pictures of a run by step. A file is a row of TFRecords (length,
 * masked CRC-32C of the length, data, masked CRC-32C of the data), each an Event of tensorflow/core/util/event.proto,
 * so what is there when a run is killed can be read. One thread at a time. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct events events;

/* A new file events.out.tfevents.TIME.impasto in @folder. @step: steps done so far; when it is not 0, readers are told
 * to forget what earlier files of the folder say of later ones. IMPASTO_ERROR_OUTPUT. */
struct events *events_new (const char *folder, int64_t step, GError **error);
void events_free (struct events *events);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (events, events_free)

/* The @n figures of a step; in the file when it returns. */
bool events_add (struct events *events, int64_t step, int n, const char *const *names, const double *values,
                 GError **error);

/* A PNG file as the picture @name of a step. IMPASTO_ERROR_INPUT: @path is no PNG file. */
bool events_add_picture (struct events *events, int64_t step, const char *name, const char *path, GError **error);
