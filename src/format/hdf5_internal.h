/* SPDX-License-Identifier: Apache-2.0
 *
 * What reading and writing of HDF5 files share: numbers of the format, and how trees are made. */
#pragma once

#include "format/hdf5.h"

#define HDF5_SIGNATURE "\211HDF\r\n\032\n"
#define HDF5_NOWHERE UINT64_MAX /* the address of what is not there */

/* Messages of object headers. */
enum {
  HDF5_MESSAGE_NIL = 0x00,
  HDF5_MESSAGE_SPACE = 0x01,
  HDF5_MESSAGE_LINK_INFO = 0x02,
  HDF5_MESSAGE_TYPE = 0x03,
  HDF5_MESSAGE_FILL = 0x05,
  HDF5_MESSAGE_LINK = 0x06,
  HDF5_MESSAGE_EXTERNAL = 0x07,
  HDF5_MESSAGE_LAYOUT = 0x08,
  HDF5_MESSAGE_FILTER = 0x0b,
  HDF5_MESSAGE_ATTRIBUTE = 0x0c,
  HDF5_MESSAGE_CONTINUED = 0x10,
  HDF5_MESSAGE_GROUP = 0x11,
  HDF5_MESSAGE_ATTRIBUTE_INFO = 0x15,
};

/* Classes of types. */
enum { HDF5_CLASS_INTEGER = 0, HDF5_CLASS_FLOAT = 1, HDF5_CLASS_STRING = 3, HDF5_CLASS_VARIABLE = 9 };

/* A new member of @group at its place in the order of names; NULL: one of that name is there. */
struct hdf5 *hdf5_add_member (struct hdf5 *group, const char *name, bool is_group);

/* Takes @strings. */
void hdf5_add_attribute (struct hdf5 *object, const char *name, char **strings, bool list);
