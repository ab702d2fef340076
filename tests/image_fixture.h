/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of pictures share: the temporary folder of fixture.h, emptied after each test, made-up pictures,
 * comparisons. */
#pragma once

#include <vips/vips.h>

#include "fixture.h"
#include "image/picture.h"

struct test {
  const char *path;
  void (*run) (void);
};

#define TEST(name) {"/" TEST_SUITE "/" #name, test_##name}

/* The main function of a test. */
int run_tests (int argc, char **argv, const struct test *tests, size_t n);

/* Smooth colours with a bright corner, so that lossy formats come close and every turn can be told. */
struct picture *make_picture (int width, int height, bool alpha, int bits);

double worst_difference (const float *a, const float *b, int64_t n);
double mean_difference (const float *a, const float *b, int64_t n);

/* picture_load and picture_save that must succeed. */
struct picture *load (const char *path);
void save (const struct picture *picture, const char *path, const struct picture_save_options *options);

/* An 8 or 16 bit libvips image of a picture, in memory; and a file from an image, as libvips writes it. */
VipsImage *image_of (const struct picture *picture);
void write_image (VipsImage *image, const char *path);

/* A PNG file whose header says @width x @height, and that has no pixels. */
void write_bomb (const char *path, int width, int height);
