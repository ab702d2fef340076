/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of ImpastoModel, for what runs models on files (run.c). One thread at a time. */
#pragma once

#include "impasto/impasto.h"
#include "onnx/session.h"

struct _ImpastoModel {
  struct onnx_model *onnx;
  struct onnx_session *session;
};

/* The input or output called @name, or NULL. */
const struct onnx_port *model_input (const ImpastoModel *model, const char *name);
const struct onnx_port *model_output (const ImpastoModel *model, const char *name);
