/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the x86 guest (x86.S) and whoever checks it agree on. Read by the assembler too: definitions only.
 */
#ifndef X86_LAYOUT_H
#define X86_LAYOUT_H

/* A ROM ends at 4 GiB and is started at its last 16 bytes (Intel SDM volume 3, "Processor state after reset"). */
#define GUEST_ROM_SIZE 0x10000
#define GUEST_ROM_BASE 0xffff0000

/* In the ROM: the pass after which the guest suspends to RAM, once; 0 for never. */
#define GUEST_ROM_SUSPEND_AFTER (GUEST_ROM_SIZE - 0x60)

/* In low RAM, a page of its own: seven 32-bit words that last, and room to make 16 bytes in. SUSPENDED is the pass after
 * which the guest suspended, WOKEN the same once it goes on; both are 0 before. Who writes another value than 0 to
 * SUSPEND_REQUEST from outside makes the guest suspend at the end of the pass, once as well. */
#define GUEST_INFO 0x1000
#define GUEST_INFO_MAGIC 0x1000
#define GUEST_INFO_PASS 0x1004
#define GUEST_INFO_RAM_END 0x1008
#define GUEST_INFO_TEST_END 0x100c
#define GUEST_INFO_SUSPENDED 0x1010
#define GUEST_INFO_WOKEN 0x1014
#define GUEST_INFO_SUSPEND_REQUEST 0x1018
#define GUEST_INFO_SCRATCH 0x1020
#define GUEST_MAGIC 0x5453494d

/* Two pages that the guest never touches, for cases to change from outside. The rest of RAM below 1 MiB stays zero. */
#define GUEST_SPARE 0x2000
#define GUEST_SPARE_END 0x4000

/* A page of slots, one for each CPU by its APIC ID. All but the boot CPU, 0, count in the first word of theirs and push
 * to the last three; the rest stays zero. CPUs from GUEST_CPUS on do nothing. */
#define GUEST_COUNTERS 0x5000
#define GUEST_COUNTER_SHIFT 6
#define GUEST_COUNTER_SIZE (1 << GUEST_COUNTER_SHIFT)
#define GUEST_CPUS (GUEST_PAGE / GUEST_COUNTER_SIZE)

#define GUEST_RAM_START 0x100000
#define GUEST_PAGE 4096

/* A page belongs to one of eight classes by the low bits of its number. */
#define GUEST_CLASS_ALTERNATING 3
#define GUEST_CLASS_ZERO 5

/* Page p in pass n is written with the word p * PAGE_FACTOR + n * PASS_FACTOR, modulo 2^32. */
#define GUEST_PAGE_FACTOR 0x9e3779b1
#define GUEST_PASS_FACTOR 0x85ebca6b

/* A pass fills one slice of each page of the test range with that word, the next slice each time. */
#define GUEST_SLICE_SHIFT 5
#define GUEST_SLICE (1 << GUEST_SLICE_SHIFT)
#define GUEST_SLICES (GUEST_PAGE / GUEST_SLICE)

/* Before the first pass, all pages that are not zero are filled with the word of pass 0; each quarter of a page adds this to
 * it once more. Pages behind the test range stay so. */
#define GUEST_QUARTER_STEP 0xc2b2ae35
#define GUEST_QUARTER (GUEST_PAGE / 4)

/* It prints one 'B' each time this many passes are done (a power of two). */
#define GUEST_PASSES_PER_B 2

#endif
