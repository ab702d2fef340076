/* SPDX-License-Identifier: Apache-2.0
 *
 * The one error domain of impasto. */
#include "impasto/error.h"

G_DEFINE_QUARK (impasto - error - quark, impasto_error)
