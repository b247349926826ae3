/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The guest: a ROM image that is the firmware, so that guest code runs as soon as the machine does. It prints 'A', fills
 * RAM from 1 MiB on, then for ever rewrites a slice of every page of the test range (all but the last sixteenth of RAM) and
 * prints a 'B' every few passes. guest.cc tells from two registers what every byte of RAM must be:
 *
 *   EBX  the pass being written
 *   ESI  the page being written; below 1 MiB between two passes: the parity of the pass just completed
 *
 * The order of the instructions that change them is part of that contract: after each single one of them the two must
 * tell the truth. Inside a page, words are written in ascending order.
 *
 * Asked to, it suspends to RAM (ACPI S3) once. Waking resets the machine and leaves RAM, so it begins again at the reset
 * vector; by its notes it knows that it was suspended, and goes on with the next pass.
 *
 * All this is the boot CPU's. Every other CPU counts its local APIC's timer in a slot of its own, and sleeps in between, so
 * that it costs the boot CPU nothing.
 *
 * Few instructions a page: where KVM has to emulate 32-bit protected mode, each costs about a microsecond. String
 * instructions do not help: TCG needs 20 ns for each of their rounds. RAM is filled by 16-byte stores for both their sakes.
 */
#include "x86_layout.h"

#define SERIAL_PORT 0x3f8

/* Power management: where QEMU's PIIX4 and ICH9 have it. PM1_CNT is 4 above the base (ACPI specification, 4.8.3.2), and
 * S3 is what their firmware calls type 1. */
#define PM_BASE 0x600
#define PM1_CNT (PM_BASE + 4)
#define SLP_TYP_S3 (1 << 10)
#define SLP_EN (1 << 13)
#define PCI_CONFIG(device, function, register) (0x80000000 | (device) << 11 | (function) << 8 | (register))
#define ICH9_LPC(register) PCI_CONFIG(0x1f, 0, register)
#define ICH9_LPC_ID 0x29188086
#define PIIX4_PM(register) PCI_CONFIG(1, 3, register)

        /* Writes the slice at EDX of page ESI with the word in EAX. */
        .macro  write_page
        offset = 0
        .rept   GUEST_SLICE / 4
        movl    %eax, offset(%esi, %edx)
        offset = offset + 4
        .endr
        .endm
/* The local APIC (Intel SDM volume 3, "Advanced programmable interrupt controller"), here divided by 1 into the 1 GHz that
 * QEMU and KVM both run its timer at. */
#define APIC_ID 0xfee00020
#define APIC_EOI 0xfee000b0
#define APIC_SVR 0xfee000f0
#define APIC_ICR 0xfee00300
#define APIC_LVT_TIMER 0xfee00320
#define APIC_TIMER_COUNT 0xfee00380
#define APIC_TIMER_DIVIDE 0xfee003e0
#define APIC_ENABLE 0x1ff
#define APIC_PERIODIC (1 << 17)
#define APIC_DIVIDE_BY_1 0xb
#define APIC_OTHERS_INIT 0xc4500
#define APIC_OTHERS_START(vector) (0xc4600 | (vector))
#define TIMER_TICK 1000000
#define TIMER_VECTOR 32

/* Other CPUs are started in real mode at a page below 1 MiB, given by its number. The last 64 KiB there show the ROM, so that
 * no RAM is needed for it. */
#define CPU_START 0xf000
#define CPU_START_VECTOR 0xff

        .macro  print character
        movw    $SERIAL_PORT, %dx
        movb    $\character, %al
        outb    %al, %dx
        .endm
        .macro  pci_select register
        movl    $\register, %eax
        movw    $0xcf8, %dx
        outl    %eax, %dx
        movw    $0xcfc, %dx
        .endm
        .macro  pci_write register, value
        pci_select \register
        movl    $\value, %eax
        outl    %eax, %dx
        .endm
        .macro  next_page
        addl    $GUEST_PAGE, %esi
        addl    $GUEST_PAGE_FACTOR, %eax
        .endm

        .text
        .globl  _start

        .code32
start32:
        movw    $0x10, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        cld
        /* A machine that was reset for another reason than waking begins anew. */
        cmpl    $GUEST_MAGIC, GUEST_INFO_MAGIC
        jne     begin
        cmpl    $0, GUEST_INFO_SUSPENDED
        je      begin
        cmpl    $0, GUEST_INFO_WOKEN
        je      wake
begin:
        xorl    %eax, %eax
        movl    %eax, GUEST_INFO_SUSPENDED
        movl    %eax, GUEST_INFO_WOKEN
        movl    %eax, GUEST_INFO_SUSPEND_REQUEST
        print   'A'

        /* RAM above 16 MiB in units of 64 KiB: CMOS bytes 0x34 and 0x35. */
        movb    $0x35, %al
        outb    %al, $0x70
        inb     $0x71, %al
        shll    $8, %eax
        movb    $0x34, %al
        outb    %al, $0x70
        inb     $0x71, %al
        andl    $0xffff, %eax
        shll    $16, %eax
        addl    $0x1000000, %eax
        movl    %eax, %ebp              /* the end of RAM */
        movl    %eax, GUEST_INFO_RAM_END
        movl    %eax, %esi
        shrl    $4, %eax
        subl    %eax, %esi
        andl    $~(8 * GUEST_PAGE - 1), %esi
        movl    %esi, GUEST_INFO_TEST_END
        movl    $GUEST_MAGIC, GUEST_INFO_MAGIC

        /* Allow SSE's stores (CR4.OSFXSR). */
        movl    %cr4, %eax
        orl     $0x200, %eax
        movl    %eax, %cr4

        /* Pass 0. RAM of a new machine is zero, so zero pages and alternating ones need no writing. */
        xorl    %ebx, %ebx
        movl    $GUEST_RAM_START, %esi
        movl    $(((GUEST_RAM_START / GUEST_PAGE) * GUEST_PAGE_FACTOR) & 0xffffffff), %eax
fill_page:
        movl    %esi, %edx
        shrl    $12, %edx
        andl    $7, %edx
        cmpl    $GUEST_CLASS_ZERO, %edx
        je      filled
        cmpl    $GUEST_CLASS_ALTERNATING, %edx
        je      filled
        movl    %esi, %edi
        movl    %eax, %edx
        leal    GUEST_PAGE(%esi), %esp  /* there is no stack */
fill_quarter:
        .irp    word, 0, 4, 8, 12
        movl    %edx, (GUEST_INFO_SCRATCH + \word)
        .endr
        movups  GUEST_INFO_SCRATCH, %xmm0
        movl    $(GUEST_QUARTER / 256), %ecx
fill_256:
        offset = 0
        .rept   16
        movups  %xmm0, offset(%edi)
        offset = offset + 16
        .endr
        addl    $256, %edi
        decl    %ecx
        jnz     fill_256
        addl    $GUEST_QUARTER_STEP, %edx
        cmpl    %esp, %edi
        jb      fill_quarter
filled:
        next_page
        cmpl    %ebp, %esi
        jb      fill_page
        /* The scratch words are RAM too. */
        xorl    %edx, %edx
        .irp    word, 0, 4, 8, 12
        movl    %edx, (GUEST_INFO_SCRATCH + \word)
        .endr

start_cpus:
        movl    $APIC_OTHERS_INIT, APIC_ICR
        movl    $APIC_OTHERS_START(CPU_START_VECTOR), APIC_ICR
        movl    $APIC_OTHERS_START(CPU_START_VECTOR), APIC_ICR
next_pass:
        movl    %ebx, %edx
        andl    $1, %edx
        movl    %edx, %esi
        incl    %ebx
        movl    %ebx, GUEST_INFO_PASS
        imull   $GUEST_PASS_FACTOR, %ebx, %eax
        addl    $(((GUEST_RAM_START / GUEST_PAGE) * GUEST_PAGE_FACTOR) & 0xffffffff), %eax
        movl    %ebx, %edx
        andl    $(GUEST_SLICES - 1), %edx
        shll    $GUEST_SLICE_SHIFT, %edx
        movl    $GUEST_RAM_START, %esi
eight_pages:
        .rept   GUEST_CLASS_ALTERNATING
        write_page
        next_page
        .endr
        /* An even pass makes an alternating page all zero again: it clears the slice that the pass before wrote. */
        testl   $1, %ebx
        jnz     alternating
        movl    %eax, %ebp
        movl    %edx, %esp
        xorl    %eax, %eax
        subl    $GUEST_SLICE, %edx
        andl    $(GUEST_PAGE - 1), %edx
        write_page
        movl    %esp, %edx
        movl    %ebp, %eax
        jmp     alternated
alternating:
        write_page
alternated:
        next_page
        write_page
        next_page
        next_page                       /* the zero page */
        write_page
        next_page
        write_page
        next_page
        cmpl    GUEST_INFO_TEST_END, %esi
        jb      eight_pages

        testl   $(GUEST_PASSES_PER_B - 1), %ebx
        jnz     passed
        print   'B'
passed:
        cmpl    suspend_after, %ebx
        je      suspend
        cmpl    $0, GUEST_INFO_SUSPEND_REQUEST
        je      next_pass

        /* EBX and ESI still say: this pass is complete. */
suspend:
        movl    $0, GUEST_INFO_SUSPEND_REQUEST
        movl    %ebx, GUEST_INFO_SUSPENDED
        pci_select ICH9_LPC(0)
        inl     %dx, %eax
        cmpl    $ICH9_LPC_ID, %eax
        je      suspend_ich9
        pci_write PIIX4_PM(0x40), PM_BASE       /* PMBA */
        pci_write PIIX4_PM(0x80), 1             /* PMREGMISC: PMIOSE */
        jmp     sleep
suspend_ich9:
        pci_write ICH9_LPC(0x40), PM_BASE       /* PMBASE */
        pci_write ICH9_LPC(0x44), 0x80          /* ACPI_CNTL: ACPI_EN */
sleep:
        print   'S'
        movw    $PM1_CNT, %dx
        movw    $(SLP_TYP_S3 | SLP_EN), %ax
        outw    %ax, %dx
        /* Only a reset leads on from here: that is what waking is. */
asleep:
        hlt
        jmp     asleep

        /* EBX, still 0 from the reset, is set last: until then the registers tell nothing, and the notes do. */
wake:
        movl    GUEST_INFO_TEST_END, %esi
        movl    GUEST_INFO_SUSPENDED, %ebx
        movl    %ebx, GUEST_INFO_WOKEN
        print   'W'
        jmp     start_cpus

cpu32:
        movw    $0x10, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movl    APIC_ID, %edi
        shrl    $24, %edi
        cmpl    $GUEST_CPUS, %edi
        jae     asleep
        shll    $GUEST_COUNTER_SHIFT, %edi
        addl    $GUEST_COUNTERS, %edi
        leal    GUEST_COUNTER_SIZE(%edi), %esp  /* its stack: three words for an interrupt */
        movl    $APIC_ENABLE, APIC_SVR
        movl    $APIC_DIVIDE_BY_1, APIC_TIMER_DIVIDE
        movl    $(APIC_PERIODIC | TIMER_VECTOR), APIC_LVT_TIMER
        movl    $TIMER_TICK, APIC_TIMER_COUNT
        sti
cpu_counts:
        hlt
        incl    (%edi)
        jmp     cpu_counts
tick:
        movl    $0, APIC_EOI
        iretl

        .code16
        .org    CPU_START
cpu16:
        cli
        lgdtl   %cs:(gdt_pointer - start32 - CPU_START)
        lidtl   %cs:(idt_pointer - start32 - CPU_START)
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $0x08, $cpu32

        /* Accessed bits are set: under KVM the processor cannot set them in a ROM. */
        .balign 8
gdt:
        .quad   0
        .quad   0x00cf9b000000ffff
        .quad   0x00cf93000000ffff
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt

        .balign 8
idt:
        .fill   TIMER_VECTOR, 8, 0
        .word   tick - start32, 0x08, 0x8e00, GUEST_ROM_BASE >> 16
idt_pointer:
        .word   . - idt - 1
        .long   idt

        /* What guest::x86_image() may be asked to change. */
        .org    GUEST_ROM_SUSPEND_AFTER
suspend_after:
        .long   0

        .code16
        .org    GUEST_ROM_SIZE - 0x50
start16:
        cli
        inb     $0x92, %al              /* gate A20 open */
        orb     $2, %al
        andb    $0xfe, %al
        outb    %al, $0x92
        lgdtl   %cs:(gdt_pointer - start32)
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $0x08, $start32

        .org    GUEST_ROM_SIZE - 16
_start:
        jmp     start16
        .org    GUEST_ROM_SIZE
