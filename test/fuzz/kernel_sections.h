/* SPDX-License-Identifier: Apache-2.0 */
/* Included first into every file of the kernel that a target is made of: all of its variables lie
 * together, so that each input finds them as they were at the beginning (snapshot.h). */
#pragma clang section bss = "kernel_bss" data = "kernel_data"
