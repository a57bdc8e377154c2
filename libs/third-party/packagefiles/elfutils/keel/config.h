/* What configure would have found, for libelf without locks, NLS and compression. */
#ifndef KEEL_ELFUTILS_CONFIG_H
#define KEEL_ELFUTILS_CONFIG_H

#define PACKAGE "elfutils"
#define PACKAGE_NAME "elfutils"
#define PACKAGE_VERSION "0.188"
#define HAVE_DECL_MEMPCPY 1
#define HAVE_DECL_RAWMEMCHR 0
#define HAVE_DECL_REALLOCARRAY 1
#define HAVE_DECL_POWEROF2 1
#define HAVE_FALLTHROUGH 1
#define HAVE_ERR_H 1
#define HAVE_VISIBILITY 1
#define SYMBOL_VERSIONING 0

#include <eu-config.h>

#endif
