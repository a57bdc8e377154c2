/* musl and libelf as services get them, on the bare machine (start.S). Without KEEL_TEST_FP, FP/SIMD is
 * trapped: the test fails at the first such instruction on an ordinary path. Output is TAP. */

#include <errno.h>
#include <inttypes.h>
#include <libelf.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static int count, failures;

static void check(bool good, const char *what)
{
    count++;
    failures += !good;
    printf("%s %d - %s\n", good ? "ok" : "not ok", count, what);
}

/* Each length and alignment, with a border that must stay. */
static void test_memory(void)
{
    static unsigned char area[512], from[512];
    bool set = true, copied = true, moved = true;

    for (size_t i = 0; i < sizeof(from); i++) {
        from[i] = (unsigned char)(i * 7 + 1);
    }
    for (size_t offset = 0; offset < 16; offset++) {
        for (size_t length = 0; length < 300; length++) {
            unsigned char *start = area + 32 + offset;

            for (size_t i = 0; i < sizeof(area); i++) {
                area[i] = 0x55;
            }
            set &= memset(start, 0x1a3, length) == start;
            for (size_t i = 0; i < sizeof(area); i++) {
                bool inside = &area[i] >= start && &area[i] < start + length;
                set &= area[i] == (inside ? 0xa3 : 0x55);
            }
            copied &= memcpy(start, from + offset / 2, length) == start;
            copied &= memcmp(start, from + offset / 2, length) == 0;
            copied &= start[-1] == 0x55 && start[length] == 0x55;
            memmove(start + 5, start, length);
            moved &= memcmp(start + 5, from + offset / 2, length) == 0;
        }
    }
    check(set, "memset");
    check(copied, "memcpy");
    check(moved, "memmove");
}

static void test_text(void)
{
    char text[128];
    wchar_t wide[32];
    int number = 0;
    unsigned hex = 0;
    char word[16] = "";

    snprintf(text, sizeof(text), "%s|%5d|%-5d|%05u|%#x|%c|%ld|%%|%p", "a", -12, 12, 7u, 0xbeefu, 'z',
             -1L, (void *)16);
    check(!strcmp(text, "a|  -12|12   |00007|0xbeef|z|-1|%|0x10"), "snprintf");
    snprintf(text, sizeof(text), "%2$s %1$" PRIu64, UINT64_MAX, "x");
    check(!strcmp(text, "x 18446744073709551615"), "snprintf by position");
    check(sscanf("word 42 ff", "%15s %d %x", word, &number, &hex) == 3 && !strcmp(word, "word") &&
              number == 42 && hex == 0xff,
          "sscanf");
    check(swprintf(wide, 32, L"%s %d", "w", 5) == 3 && !wcscmp(wide, L"w 5"), "swprintf");
    check(strtol("-0x10", NULL, 0) == -16 && strtoull("99", NULL, 10) == 99, "strtol");
    errno = ENOMEM;
    check(!strcmp(strerror(errno), "Out of memory"), "strerror");
    check(fopen("/none", "r") == NULL && errno == ENOSYS, "a call that nobody answers");
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void test_heap(void)
{
    static const size_t sizes[] = {1, 16, 100, 4096, 70000, 300000};
    void *blocks[6];
    bool good = true;
    int numbers[] = {5, 3, 9, 1};

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 6; i++) {
            blocks[i] = malloc(sizes[i]);
            good &= blocks[i] != NULL;
            if (blocks[i]) {
                memset(blocks[i], i, sizes[i]);
            }
        }
        for (int i = 0; i < 6; i++) {
            free(blocks[i]);
        }
    }
    check(good, "malloc and free");
    check(malloc((size_t)1 << 40) == NULL && errno == ENOMEM, "malloc of too much");
    qsort(numbers, 4, sizeof(int), compare);
    check(numbers[0] == 1 && numbers[3] == 9, "qsort");
}

static jmp_buf place;

static __attribute__((noinline)) void jump(int value)
{
    longjmp(place, value);
}

static void test_jump(void)
{
    volatile int passes = 0;
    int value = setjmp(place);

    passes++;
    if (value < 3) {
        jump(value + 1);
    }
    check(passes == 4 && value == 3, "setjmp and longjmp");
}

static void test_elf(void)
{
    extern char __ehdr_start[];
    Elf *elf;
    size_t headers = 0;
    bool entry = false;

    elf_version(EV_CURRENT);
    elf = elf_memory(__ehdr_start, 4096);
    check(elf && elf_kind(elf) == ELF_K_ELF && elf_getphdrnum(elf, &headers) == 0 && headers > 1,
          "elf_memory");
    for (size_t i = 0; elf && i < headers; i++) {
        Elf64_Phdr *header = elf64_getphdr(elf);

        entry |= header && header[i].p_type == PT_LOAD && header[i].p_flags & PF_X &&
                 elf64_getehdr(elf)->e_entry - header[i].p_vaddr < header[i].p_memsz;
    }
    check(entry, "the entry point lies in an executable segment");
    elf_end(elf);
    check(!elf_memory(NULL, 0) && elf_errno() != 0, "elf_memory of nothing");
}

#ifdef KEEL_TEST_FP
static void test_floating_point(void)
{
    char text[64];
    double number = 0;
    uint64_t before, after;

    snprintf(text, sizeof(text), "%.3f %g %La", 3.14159, 1e100, 1.5L);
    check(!strcmp(text, "3.142 1e+100 0x1.8p+0"), "snprintf of floating point");
    check(sscanf("2.5e3", "%lf", &number) == 1 && number > 2499 && number < 2501, "sscanf of the same");
    check(strtod("0.125", NULL) * 8 > 0.999, "strtod");
    __asm__ volatile("fmov %0, d8" : "=r"(before));
    if (!setjmp(place)) {
        __asm__ volatile("fmov d8, #7.0" ::: "memory");
        jump(1);
    }
    __asm__ volatile("fmov %0, d8" : "=r"(after));
    check(before == after, "longjmp restores d8");
}
#endif

int main(int argc, char **argv)
{
    check(argc == 1 && !strcmp(argv[0], "libc"), "arguments");
    test_memory();
    test_text();
    test_heap();
    test_jump();
    test_elf();
#ifdef KEEL_TEST_FP
    test_floating_point();
#endif
    printf("1..%d\n", count);
    return failures != 0;
}
