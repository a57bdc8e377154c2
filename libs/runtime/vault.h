/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault: variables that the next life of this service finds as this one leaves them (see
 * keel/start.h). At most KEEL_VAULT_BYTES_MAX together. Death comes between any two instructions,
 * so what belongs together has to be committed with one store, behind everything that it is about;
 * and the life before may have been a bad one, so whatever is found there has to be checked.
 */
#ifndef RUNTIME_VAULT_H
#define RUNTIME_VAULT_H

#include <runtime/start.h>
#include <stdbool.h>

#define VAULT __attribute__((section(".bss.keel.vault")))

/* Whether the vault's contents come from a former life. Else they are zero. */
static inline bool vault_is_old(void)
{
    return keel_start() != NULL && keel_start()->vault_lives > 0;
}

/* Between what is changed and the store that commits it: keeps their order for whoever reads the
 * vault after a death, which happens on this CPU or is ordered by the kernel. */
static inline void vault_order(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
