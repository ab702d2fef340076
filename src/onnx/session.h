/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a model: arrays in, arrays out. A session imports and compiles for the sizes that it is given and keeps the
 * last few plans, which share the model's weights. Inputs of floats, and large ones of whole numbers (pictures of
 * bytes), are run-time data; small whole numbers and booleans (sizes, axes, flags) become part of the plan, and so do
 * single floats that a node needs to know beforehand (the scales of a Resize). One thread at a time; sessions on one
 * model may share it. */
#pragma once

#include "compile/plan.h"
#include "onnx/onnx.h"

typedef struct onnx_session onnx_session;

/* Borrows @model. @options as for plan_compile. */
struct onnx_session *onnx_session_new (struct onnx_model *model, const struct plan_options *options);
void onnx_session_free (struct onnx_session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (onnx_session, onnx_session_free)

/* An input or output: a name and its values. */
struct onnx_array {
  const char *name;
  struct onnx_constant *value;
  struct bounds bounds; /* of an output, see onnx.h; (0, 0) where it is known without running */
};

/* Makes the plan for inputs of these shapes and kinds, or finds it. Borrowed: valid until the next call. NULL with
 * @error. An output that is known without running is in no plan: then the plan may lack it. */
struct plan *onnx_session_plan (struct onnx_session *session, const struct onnx_array *inputs, guint n,
                                const char *const *outputs, GError **error);

/* Runs. @outputs: names of those wanted, NULL for all. Returns an array of struct onnx_array with owned values in the
 * order of the model's outputs, named by the model; free with g_array_unref. */
GArray *onnx_session_run (struct onnx_session *session, const struct onnx_array *inputs, guint n,
                          const char *const *outputs, GError **error);
