/* SPDX-License-Identifier: Apache-2.0
 *
 * Drawings of our own as pictures: SVG text that the program has made, drawn by librsvg through libvips. Not for files
 * of others: those are never recognised as SVG (image/formats.c). Any thread. */
#pragma once

#include "image/picture.h"

/* Opaque, on white. IMPASTO_ERROR_INPUT: @svg is none, or libvips is without librsvg. */
struct picture *picture_from_svg (const char *svg, GError **error);
