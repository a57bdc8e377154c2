/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The devices service: one instance serves one guest. Arguments, all optional:
 *
 *   guest=NAME             the connection to serve; else the first one with the right SERVE
 *   vcpus=N spis=N         what the guest has; 1 and 32
 *   uart=ADDRESS,INTID     or uart=off, rtc=off: without it; else as keel/machine.h says
 *   rtc=ADDRESS,INTID
 *   epoch=SECONDS          what the RTC reads at counter value 0 (Unix time); 0
 */
#include "guest.h"

#include <keel/machine.h>
#include <runtime/start.h>
#include <runtime/vault.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct guest guest;
static struct guest_vault vault VAULT;
static _Alignas(KEEL_PAGE_SIZE) uint8_t input_ring[KEEL_PAGE_SIZE] VAULT;

/* The number in decimal, hexadecimal (0x) or octal at *text, which moves behind it and a comma. */
static bool number_take(const char **text, uint64_t max, uint64_t *number)
{
    char *end;

    *number = strtoull(*text, &end, 0);
    if (end == *text || *number > max || (*end != '\0' && *end != ',')) {
        return false;
    }
    *text = *end == ',' ? end + 1 : end;
    return true;
}

static bool number_parse(const char *text, uint64_t max, uint32_t *number)
{
    uint64_t value;

    if (!number_take(&text, max, &value) || *text != '\0') {
        return false;
    }
    *number = (uint32_t)value;
    return true;
}

static bool place_parse(const char *text, struct guest_place *place)
{
    uint64_t address, irq;

    if (strcmp(text, "off") == 0) {
        *place = (struct guest_place){0};
        return true;
    }
    if (!number_take(&text, UINT64_MAX - KEEL_PAGE_SIZE, &address) ||
        !number_take(&text, UINT32_MAX, &irq) || *text != '\0') {
        return false;
    }
    *place = (struct guest_place){.address = address, .irq = (uint32_t)irq};
    return address % KEEL_PAGE_SIZE == 0;
}

/* The value of an argument `key=value`, or NULL. */
static const char *value_of(const char *argument, const char *key)
{
    size_t length = strlen(key);

    return strncmp(argument, key, length) == 0 && argument[length] == '=' ? argument + length + 1
                                                                          : NULL;
}

static bool argument_parse(const char *argument, struct guest_config *config, const char **name)
{
    const char *value;

    if ((value = value_of(argument, "guest"))) {
        *name = value;
        return true;
    }
    if ((value = value_of(argument, "vcpus"))) {
        return number_parse(value, KEEL_VCPUS_MAX, &config->vcpus) && config->vcpus > 0;
    }
    if ((value = value_of(argument, "spis"))) {
        return number_parse(value, KEEL_SPIS_MAX, &config->spis);
    }
    if ((value = value_of(argument, "epoch"))) {
        return number_parse(value, UINT32_MAX, &config->epoch);
    }
    if ((value = value_of(argument, "uart"))) {
        return place_parse(value, &config->uart);
    }
    if ((value = value_of(argument, "rtc"))) {
        return place_parse(value, &config->rtc);
    }
    return false;
}

/* A device interrupts by an SPI that the guest has, or is absent. */
static bool place_fits(const struct guest_place *place, const struct guest_config *config)
{
    return place->irq == 0 || (place->irq >= 32 && place->irq < 32 + config->spis);
}

/* The edge by which the guest is reached with a right; it may have several. */
static uint16_t edge_find(const struct keel_connection *served, uint32_t right)
{
    const struct keel_connection *connection = keel_connection_with(served->name, 0, right);

    return connection ? connection->edge : UINT16_MAX;
}

int main(int argc, char **argv)
{
    struct guest_config config = {
        .vcpus = 1,
        .spis = 32,
        .uart = {KEEL_MACHINE_UART, KEEL_MACHINE_UART_IRQ},
        .rtc = {KEEL_MACHINE_RTC, KEEL_MACHINE_RTC_IRQ},
    };
    const char *name = NULL;

    for (int i = 1; i < argc; i++) {
        if (!argument_parse(argv[i], &config, &name)) {
            printf("argument not understood: %s\n", argv[i]);
            return EXIT_FAILURE;
        }
    }
    if (!place_fits(&config.uart, &config) || !place_fits(&config.rtc, &config)) {
        printf("a device interrupts by an SPI that the guest does not have (spis=%u)\n",
               config.spis);
        return EXIT_FAILURE;
    }
    const struct keel_connection *served = keel_connection_with(name, 0, KEEL_RIGHT_SERVE);
    if (!served) {
        printf("no guest to serve: no connection%s%s has the right SERVE\n", name ? " to " : "",
               name ? name : "");
        return EXIT_FAILURE;
    }
    config.interrupt_edge = edge_find(served, KEEL_RIGHT_INTERRUPT);
    config.vcpu_edge = edge_find(served, KEEL_RIGHT_VCPU);
    config.stop_edge = edge_find(served, KEEL_RIGHT_STOP);

    const struct keel_connection *console =
        keel_connection_with(NULL, KEEL_PORT_CONSOLE, KEEL_RIGHT_SEND);
    if (!guest_init(&guest, &config, console, &vault, vault_is_old())) {
        printf("the vault of the life before makes no sense: the guest's devices begin anew\n");
        memset(input_ring, 0, sizeof(struct keel_argo_ring));
    }
    if (console) {
        int status =
            port_open_in(&guest.port, KEEL_PORT_GUEST, console->domain, input_ring, 1);
        if (status < 0) {
            printf("no input from the console: %s\n", strerror(-status));
        }
    }
    loop_exits(guest_exit, &guest);
    loop_run();
}
