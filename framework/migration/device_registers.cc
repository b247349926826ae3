// SPDX-License-Identifier: GPL-2.0-or-later
#include "device_registers.h"

namespace migration
{

namespace
{

/// The interrupt line in the configuration of a PCI device of bus 0: notes of firmware, which no hardware reads.
DeviceRegister pci(const char* name, unsigned device, unsigned function, std::uint32_t value)
{
    return {name, 0, {{0xcf8, 0x80000000 | device << 11 | function << 8 | 0x3c, 4}}, {0xcfc, value}, value ^ 0x0f};
}

void write_one(Vm& vm, const DeviceRegister::Write& to, std::uint32_t value)
{
    auto& qtest = vm.machine().qtest();
    if (to.address > 0xffff)
        qtest.writel(to.address, value);
    else if (to.size == 4)
        qtest.outl(static_cast<std::uint16_t>(to.address), value);
    else if (to.size == 2)
        qtest.outw(static_cast<std::uint16_t>(to.address), static_cast<std::uint16_t>(value));
    else
        qtest.outb(static_cast<std::uint16_t>(to.address), static_cast<std::uint8_t>(value));
}

} // namespace

void DeviceRegister::write(Vm& vm, std::uint32_t value) const
{
    for (const Write& one : select)
        write_one(vm, one, one.value);
    write_one(vm, at, value);
}

std::span<const DeviceRegister> device_registers()
{
    // Ports and registers: the devices' data sheets, as QEMU's hw/ has them. None raises an interrupt or stops a clock.
    static const std::vector<DeviceRegister> all{
        {"serial", 0, {}, {0x3ff, 0xa5}, 0x5a},                                    // scratch
        {"i8259", 0, {}, {0x21, 0xfa}, 0xfb},                                      // interrupt mask
        {"i8259", 1, {}, {0xa1, 0xf5}, 0xf7},                                      //
        {"i8254", 0, {{0x43, 0xb6}, {0x42, 0x34}}, {0x42, 0x12}, 0x56},            // count of channel 2, high byte
        {"pcspk", 0, {}, {0x61, 0x02}, 0x00},                                      // speaker data, gate closed
        {"mc146818rtc", 0, {{0x70, 0x50}}, {0x71, 0x93}, 0x39},                    // a byte of CMOS RAM
        {"pckbd", 0, {{0x64, 0x60}}, {0x60, 0x44}, 0x40},                          // command byte, without interrupts
        {"ps2kbd", 0, {{0x60, 0xed}}, {0x60, 0x05}, 0x02},                         // LEDs
        {"ps2mouse", 0, {{0x64, 0xd4}, {0x60, 0xe8}, {0x64, 0xd4}}, {0x60, 3}, 1}, // resolution
        {"dma", 0, {{0x0c, 0}, {0x04, 0x34}}, {0x04, 0x12}, 0x21},                 // address of channel 2, high byte
        {"dma", 1, {{0xd8, 0}, {0xc8, 0x78}}, {0xc8, 0x56}, 0x65},                 // and of channel 6
        {"fdc", 0, {}, {0x3f2, 0x1c}, 0x0c},                                       // motor of drive A
        {"fw_cfg", 0, {}, {0x510, 1, 2}, 5},                                       // selected entry
        {"ioapic", 0, {{0xfec00000, 0x1a}}, {0xfec00010, 0x10035}, 0x10053},       // redirection of pin 5, masked
        {"hpet", 0, {}, {0xfed00120, 0x0a00}, 0x0c00},                             // route of timer 1, disabled
        pci("0000:00:00.0/I440FX", 0, 0, 0xa1),
        pci("0000:00:01.0/PIIX3", 1, 0, 0xa2),
        pci("0000:00:01.1/ide", 1, 1, 0xa3),
        pci("0000:00:01.3/piix4_pm", 1, 3, 0xa4),
        pci("0000:00:00.0/mch", 0, 0, 0xa1),
        pci("0000:00:1f.0/ICH9LPC", 0x1f, 0, 0xa5),
        pci("0000:00:1f.2/ich9_ahci", 0x1f, 2, 0xa6),
        pci("0000:00:1f.3/ich9_smb", 0x1f, 3, 0xa7),
    };
    return all;
}

void set_device_registers(Vm& vm)
{
    for (const DeviceRegister& one : device_registers())
        one.write(vm, one.at.value);
}

} // namespace migration
