/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests against PyTorch share: a graph over weights that both sides compute from the parameter's name, its
 * value and every gradient, compared with the numbers in a file of tests/oracle: the norm and five values of each. */
#pragma once

#include <json-glib/json-glib.h>

#include "compile/plan.h"
#include "op/sym.h"

struct oracle {
  const char *name; /* of its member in the file */
  sym (*build) (struct graph *graph, const char *name);
};

/* The member @name of tests/oracle/@file; read once a program, which reads one file only. */
JsonObject *oracle_member (const char *file, const char *name);

/* Noise of that name (noise.h), times @scale, plus @shift. */
sym oracle_constant (struct graph *graph, const char *name, struct shape shape, double scale, double shift);

/* @floor: what counts as nothing, for gradients that are zero in exact arithmetic (a shift before a normalisation). */
void oracle_compare (const char *what, struct tensor *found, JsonObject *wanted, double tolerance, double floor);

/* Value and gradients of @oracle, on kernels that ship, within @tolerance of their norms. */
void oracle_check (const char *file, const struct oracle *oracle, enum precision precision, double tolerance);
