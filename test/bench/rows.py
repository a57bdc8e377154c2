# SPDX-License-Identifier: Apache-2.0
"""The rows of the bench: what each is, what it may cost, and what it costs with Xen 4.22 (release build, dom0less, on
QEMU 10 with the same options). mark.h has the numbers of the marks."""
import collections
import pathlib
import re

MARKS = re.findall(r'^ {4}ROW_(\w+),$', (pathlib.Path(__file__).parent / 'mark.h').read_text(), re.MULTILINE)

# name: for --profile. run: the one that has it (runs.py). mark: in mark.h, of a row that is its instructions at all
# levels together. xen: None if it has no such thing, or nobody measured. source: of the limit.
Row = collections.namedtuple('Row', 'name run mark title limit xen source', defaults=['issue 4'])

ROWS = [
    Row('null-service', 'service', 'NULL_SERVICE', 'null hypercall of a service', 120, None),
    Row('null', 'guest', 'NULL_GUEST', 'null hypercall of a guest', 120, 396),
    Row('id-register', 'guest', 'ID_REGISTER', 'trapped ID register', 200, 382),
    Row('psci-version', 'guest', 'PSCI_VERSION', 'PSCI_VERSION, answered by the devices service', None, 421),
    Row('pl011-read', 'guest', 'PL011_READ', 'PL011 read, answered by the devices service', 855, 859),
    Row('gicd-read', 'guest', 'GICD_READ', 'GICD read, answered by the devices service', 855, 829),
    Row('gicd-priority', 'guest', 'GICD_PRIORITY', 'GICD priority write, answered by the devices service', 1050, 924),
    Row('sgi-self', 'guest', 'SGI_SELF', 'SGI to self with handler', 400, 1022),
    Row('wfi-timer', 'guest', 'WFI_TIMER', 'WFI and timer wake', 1200, 7570),
    Row('wfi-timer-credit2', 'guest-credit2', 'WFI_TIMER', 'WFI and timer wake, credit2 being the policy', 1200, None, 'issue 6'),
    Row('sgi-wfi', 'guest', 'SGI_WFI', 'SGI ping-pong through WFI, 1 CPU', 4000, 10658),
    Row('sgi-wfi-2', 'guest-2', 'SGI_WFI', 'SGI ping-pong through WFI, 2 CPUs', 5000, 15344),
    Row('yield', 'service', 'YIELD', 'yield ping-pong, round trip', 1600, 7711),
    Row('yield-credit2', 'service-credit2', 'YIELD', 'yield ping-pong, credit2 being the policy', 1600, None, 'issue 6'),
    Row('yield-fp', 'service', 'YIELD_FP', 'yield ping-pong with FP registers in use', None, None),
    Row('switch', 'turns', 'SWITCH', "turn's end: one guest's vCPU to another's, in the kernel", 900, None, 'issue 6'),
    Row('wake-guest', 'turns', 'WAKE_GUEST', "wake-up of a guest's vCPU that preempts, in the kernel", 600, None, 'issue 6'),
    Row('wake-service', 'turns', 'WAKE_SERVICE', "wake-up of a service that preempts, in the kernel", 600, None, 'issue 6'),
    Row('argo-send', 'service', 'ARGO_SEND', 'Argo, 64 bytes between two services, send call', 500, 2222),
    Row('argo-one-way', 'service', 'ARGO_ONE_WAY', 'the same, until the receiver has them', None, None),
    Row('argo-round', 'service', 'ARGO_ROUND', 'the same, there and back', None, 13921),
    Row('reset-builder', 'linux', None, "reset to the builder's first instruction", None, None),
    Row('reset-guest', 'linux', None, "reset to the guest's first instruction, without hashing", 32_000_000, 128_164_492),
    Row('hash', 'linux', None, 'hashing, per 64 bytes', 130, None),
    Row('shell', 'linux', None, 'reset to shell, relative to bare EL1', 1.08, 1.141),
    Row('share', 'linux', None, "kernel and services after the guest's start, share in %", 0.2, 0.11),
    Row('memory', 'linux', None, "memory beyond the guest's own and the bundle, in MiB", 12, 33.3),
    Row('policy-credit2', 'policies', None, 'work of credit2, 64 vCPUs on 4 CPUs, in % of a CPU', 1, None, 'issue 6'),
    Row('policy-rtds', 'policies', None, 'work of rtds, the same', 1, None, 'issue 6'),
    Row('policy-arinc653', 'policies', None, 'work of arinc653, the same', 1, None, 'issue 6'),
    Row('masked', None, None, 'longest stretch with interrupts masked', 4000, None, 'DESIGN, R7'),
]

# Rows that are above their limit, and what they consist of; all others with one may not be. A limit that was met stays met: a row comes
# here only in a commit that says what was got for it.
NOT_MET = {
    'wake-guest': 'its timer interrupts it as soon as it is entered',
    'wake-service': 'cpu_attend and choose_plan are more than half of it',
    'reset-guest': 'scrubbing and cleaning the 512 MiB of the guest alone is 26 million',
    'shell': 'hashing the bundle is more than half of what is above 1',
}
