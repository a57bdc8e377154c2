#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the example service outside the tree, from what `meson install` installs and nothing else,
# and looks at the result. BUILD, SOURCE, CC: the build folder, the source folder, the compiler;
# KEEP: a folder for the program, if it is wanted.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail()
{
    echo "outside: $*" >&2
    exit 1
}

meson install -C "$BUILD" --no-rebuild --quiet --destdir "$work/root" > "$work/log" 2>&1 ||
    { cat "$work/log" >&2; fail "meson install"; }
pc=$(find "$work/root" -name keel-service.pc)
[ -n "$pc" ] || fail "keel-service.pc was not installed"
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH
unset PKG_CONFIG_SYSROOT_DIR

cp "$SOURCE/services/example/example.c" "$work"
cd "$work"
# shellcheck disable=SC2046 # several words
$CC -O2 -Wall -Wextra -Werror example.c -o example $(pkg-config --cflags --libs keel-service)

headers=$(readelf -lW example)
echo "$headers" | grep -q 'Elf file type is EXEC' || fail "not linked at a fixed address"
echo "$headers" | grep -q 'LOAD *0x000000 0x0*1000000000 ' || fail "not linked at 0x1000000000"
! echo "$headers" | grep -Eq 'INTERP|DYNAMIC' || fail "not static"
! echo "$headers" | grep -q ' RWE ' || fail "a segment is writable and executable"
nm example | grep -q ' keel_syscall$' || fail "the runtime is missing"
nm example | grep -q ' __stack_chk_fail' || fail "no stack protector"

# Nothing of the host's C library may be reachable: a header that only Linux has is not found.
echo '#include <linux/types.h>' > leak.c
# shellcheck disable=SC2046
! $CC -c leak.c $(pkg-config --cflags keel-service) 2> leak.log ||
    fail "headers of the compiler's own C library are visible"

[ -z "${KEEP:-}" ] || cp example "$KEEP"
echo "ok - built outside the tree: $(stat -c %s example) bytes"
