/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of the PL031, with the names of Arm DDI 0224, section 3.2. Numbers only. */
#ifndef DEVICES_PL031_REGS_H
#define DEVICES_PL031_REGS_H

#define RTCDR   0x000u
#define RTCMR   0x004u
#define RTCLR   0x008u
#define RTCCR   0x00Cu
#define RTCIMSC 0x010u
#define RTCRIS  0x014u
#define RTCMIS  0x018u
#define RTCICR  0x01Cu
#define RTCID   0xFE0u /* RTCPeriphID0..3, RTCPCellID0..3 */

#endif
