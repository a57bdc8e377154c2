/* SPDX-License-Identifier: Apache-2.0 */
/* Domains of the host build have AArch64's virtual interrupts: the state machine is generic code.
 */
#include "../../aarch64/arch/domain.h"
