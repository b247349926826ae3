// SPDX-License-Identifier: GPL-2.0-or-later
//
// QtestClient: QEMU's qtest line protocol (its server: QEMU's system/qtest.c), every command of it. It reaches guest
// memory and I/O ports through QEMU's main loop whether the guest runs or not. Arguments QEMU cannot parse trip asserts
// inside QEMU, so they are typed here.
//
// Every verb blocks until QEMU answered and throws CommandError with QEMU's FAIL or ERR text, Timeout, ConnectionLost.
// Addresses are guest-physical; scalars are in the guest's byte order, as the guest would load and store them.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "protocol.h"

namespace qtest
{

class QtestClient : public Protocol<std::string>
{
  public:
    using Bytes = std::vector<std::uint8_t>;

    QtestClient(Loop& loop, std::string name);

    // Guest memory. read() and write() travel as base64; the _hex forms are the protocol's other encoding of the same.
    std::uint8_t readb(std::uint64_t address);
    std::uint16_t readw(std::uint64_t address);
    std::uint32_t readl(std::uint64_t address);
    std::uint64_t readq(std::uint64_t address);
    void writeb(std::uint64_t address, std::uint8_t value);
    void writew(std::uint64_t address, std::uint16_t value);
    void writel(std::uint64_t address, std::uint32_t value);
    void writeq(std::uint64_t address, std::uint64_t value);
    Bytes read(std::uint64_t address, std::size_t size);
    void write(std::uint64_t address, std::span<const std::uint8_t> bytes);
    Bytes read_hex(std::uint64_t address, std::size_t size);
    void write_hex(std::uint64_t address, std::span<const std::uint8_t> bytes);
    void memset(std::uint64_t address, std::size_t size, std::uint8_t value);
    bool big_endian();

    // I/O ports.
    std::uint8_t inb(std::uint16_t port);
    std::uint16_t inw(std::uint16_t port);
    std::uint32_t inl(std::uint16_t port);
    void outb(std::uint16_t port, std::uint8_t value);
    void outw(std::uint16_t port, std::uint16_t value);
    void outl(std::uint16_t port, std::uint32_t value);

    // The virtual clock, in nanoseconds; only with `-accel qtest`. Each returns the clock's new value.
    std::int64_t clock_step();
    std::int64_t clock_step(std::int64_t nanoseconds);
    std::int64_t clock_set(std::int64_t nanoseconds);

    // Interrupt lines. One device's lines can be intercepted at a time; irq() is the level last reported, false at
    // first.
    void irq_intercept_in(const std::string& qom_path);
    void irq_intercept_out(const std::string& qom_path, const std::string& gpio_name = {});
    void set_irq_in(const std::string& qom_path, const std::string& gpio_name, int number, int level);
    bool irq(int number) const;
    void wait_irq(int number, bool level, Deadline deadline);

    void module_load(const std::string& prefix, const std::string& name);
    /// pseries: a call of the run-time abstraction services, with the guest addresses of its argument and result
    /// arrays.
    std::uint64_t rtas(const std::string& name, unsigned argument_count, std::uint64_t arguments, unsigned result_count,
                       std::uint64_t results);
    /// riscv: a control and status register of one CPU.
    std::uint64_t csr_get(int cpu, int csr);
    void csr_set(int cpu, int csr, std::uint64_t value);

    /// One command line as it is; returns the words after OK.
    std::string command(const std::string& line);

  protected:
    void on_start() override;
    std::string decode(std::string_view line) override { return std::string(line); }
    std::string encode(const std::string& line) override { return line; }
    std::string describe(const std::string& line) override { return line; }
    void on_message(std::string line) override;

  private:
    std::uint64_t number(const std::string& line);
    template <class T>
    T load(const char* verb, std::uint64_t address);
    void store(const char* verb, std::uint64_t address, std::uint64_t value);

    std::deque<std::string> replies_;
    std::map<int, bool> irqs_;
    unsigned overdue_ = 0; // replies whose command nobody waits for any more
};

} // namespace qtest
