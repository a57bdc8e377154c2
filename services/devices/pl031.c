/* SPDX-License-Identifier: Apache-2.0 */
/* PL031 model (see pl031.h). May not call anything. */
#include "pl031.h"
#include "pl031_regs.h"

/* Part 0x031 by Arm (0x41), then the PrimeCell magic: as QEMU's. */
static const uint8_t pl031_ids[8] = {0x31, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

void pl031_reset(struct pl031 *rtc, uint32_t epoch)
{
    *rtc = (struct pl031){.offset = epoch};
}

static uint32_t seconds(const struct pl031 *rtc, uint64_t now)
{
    return rtc->offset + (uint32_t)now;
}

/* After a change of RTCMR or RTCLR: when the match comes next. */
static void alarm_set(struct pl031 *rtc, uint64_t now)
{
    rtc->alarm = now + (uint32_t)(rtc->match - seconds(rtc, now));
    rtc->armed = true;
    pl031_advance(rtc, now);
}

void pl031_advance(struct pl031 *rtc, uint64_t now)
{
    if (rtc->armed && now >= rtc->alarm) {
        rtc->armed = false;
        rtc->ris = 1;
    }
}

uint32_t pl031_read(struct pl031 *rtc, uint32_t offset, uint64_t now)
{
    pl031_advance(rtc, now);
    switch (offset) {
    case RTCDR:
        return seconds(rtc, now);
    case RTCMR:
        return rtc->match;
    case RTCLR:
        return rtc->load;
    case RTCCR:
        return 1; /* runs, and can't be stopped */
    case RTCIMSC:
        return rtc->imsc;
    case RTCRIS:
        return rtc->ris;
    case RTCMIS:
        return rtc->ris & rtc->imsc;
    default:
        return offset >= RTCID && (offset & 3) == 0 ? pl031_ids[(offset - RTCID) / 4 % 8] : 0;
    }
}

void pl031_write(struct pl031 *rtc, uint32_t offset, uint32_t value, uint64_t now)
{
    pl031_advance(rtc, now);
    switch (offset) {
    case RTCMR:
        rtc->match = value;
        alarm_set(rtc, now);
        break;
    case RTCLR:
        rtc->load = value;
        rtc->offset = value - (uint32_t)now;
        if (rtc->armed) {
            alarm_set(rtc, now);
        }
        break;
    case RTCIMSC:
        rtc->imsc = value & 1;
        break;
    case RTCICR:
        rtc->ris &= (uint8_t)~value;
        break;
    default:
        break;
    }
}
