#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# locks.sh SOURCE BUILD: clang checks the kernel's lock annotations (kernel/lock.h).
source=$1
build=$2
command -v clang >/dev/null || {
    echo "skipped: no clang"
    exit 77
}
status=0
for file in $(cd "$source" && find kernel -name '*.c' ! -path '*/arch/host/*'); do
    clang --target=aarch64-none-elf -std=gnu17 -ffreestanding -nostdinc \
        -idirafter "$(clang -print-resource-dir)/include" -I"$source/kernel" \
        -I"$source/kernel/arch/aarch64" -I"$source/abi" -I"$source/abi/aarch64" -I"$build/abi" \
        -Wall -Wextra -Wthread-safety -Wthread-safety-beta -Werror -fsyntax-only "$source/$file" ||
        status=1
done
exit $status
