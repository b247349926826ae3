// SPDX-License-Identifier: GPL-2.0-or-later
#include "qtest_client.h"

#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "glib_ptr.h"

namespace qtest
{

namespace
{

constexpr std::chrono::seconds command_timeout{20};
// A read of several MiB comes back as one line.
constexpr std::size_t line_limit = 256 * 1024 * 1024;

[[noreturn]] void malformed(const std::string& command, const std::string& reply)
{
    throw ProtocolError(fmt::format("qtest answered '{}' to '{}'", reply.substr(0, 200), command.substr(0, 200)));
}

/// As strtoull with base 0 reads it: QEMU answers 0x-prefixed or decimal.
std::uint64_t parse_number(const std::string& text, const std::string& command)
{
    const bool hex = text.starts_with("0x");
    std::uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto result = std::from_chars(text.data() + (hex ? 2 : 0), end, value, hex ? 16 : 10);
    if (result.ec != std::errc() || result.ptr != end)
        malformed(command, text);
    return value;
}

} // namespace

QtestClient::QtestClient(Loop& loop, std::string name)
    : Protocol(loop, std::move(name), "QtestClient", "qtest_client", line_limit)
{
}

void QtestClient::on_start()
{
    replies_.clear();
    irqs_.clear();
    overdue_ = 0;
}

void QtestClient::on_message(std::string line)
{
    if (line.empty())
        return;
    if (line.starts_with("IRQ ")) {
        const bool raise = line.starts_with("IRQ raise ");
        const std::size_t digits = line.find_last_of(' ') + 1;
        irqs_[static_cast<int>(parse_number(line.substr(digits), line.substr(0, digits)))] = raise;
    } else if (overdue_ > 0) {
        overdue_--;
    } else {
        replies_.push_back(std::move(line));
    }
}

std::string QtestClient::command(const std::string& line)
{
    const std::string verb = line.substr(0, line.find(' '));
    if (require_running())
        send(line);
    try {
        await([this] { return !replies_.empty(); }, Deadline::in(command_timeout), "qtest's reply to '" + verb + "'");
    } catch (...) {
        if (replies_.empty())
            overdue_++;
        else
            replies_.pop_front(); // it came with what made the wait fail
        throw;
    }
    std::string reply = std::move(replies_.front());
    replies_.pop_front();
    if (reply == "OK" || reply.starts_with("OK "))
        return reply.substr(std::min<std::size_t>(reply.size(), 3));
    if (reply.starts_with("FAIL") || reply.starts_with("ERR"))
        throw CommandError(fmt::format("{} refused '{}': {}", name(), line.substr(0, 200), reply),
                           reply.substr(0, reply.find(' ')), reply);
    malformed(line, reply);
}

std::uint64_t QtestClient::number(const std::string& line) { return parse_number(command(line), line); }

template <class T>
T QtestClient::load(const char* verb, std::uint64_t address)
{
    return static_cast<T>(number(fmt::format("{} {:#x}", verb, address)));
}

void QtestClient::store(const char* verb, std::uint64_t address, std::uint64_t value)
{
    command(fmt::format("{} {:#x} {:#x}", verb, address, value));
}

std::uint8_t QtestClient::readb(std::uint64_t address) { return load<std::uint8_t>("readb", address); }
std::uint16_t QtestClient::readw(std::uint64_t address) { return load<std::uint16_t>("readw", address); }
std::uint32_t QtestClient::readl(std::uint64_t address) { return load<std::uint32_t>("readl", address); }
std::uint64_t QtestClient::readq(std::uint64_t address) { return load<std::uint64_t>("readq", address); }
void QtestClient::writeb(std::uint64_t address, std::uint8_t value) { store("writeb", address, value); }
void QtestClient::writew(std::uint64_t address, std::uint16_t value) { store("writew", address, value); }
void QtestClient::writel(std::uint64_t address, std::uint32_t value) { store("writel", address, value); }
void QtestClient::writeq(std::uint64_t address, std::uint64_t value) { store("writeq", address, value); }

QtestClient::Bytes QtestClient::read(std::uint64_t address, std::size_t size)
{
    const std::string line = fmt::format("b64read {:#x} {:#x}", address, size);
    const std::string text = command(line);
    gsize length = 0;
    const std::unique_ptr<guchar, GFree> decoded(g_base64_decode(text.c_str(), &length));
    if (length != size)
        malformed(line, text);
    return {decoded.get(), decoded.get() + length};
}

void QtestClient::write(std::uint64_t address, std::span<const std::uint8_t> bytes)
{
    const CharPtr text(g_base64_encode(bytes.data(), bytes.size()));
    command(fmt::format("b64write {:#x} {:#x} {}", address, bytes.size(), text.get()));
}

QtestClient::Bytes QtestClient::read_hex(std::uint64_t address, std::size_t size)
{
    const std::string line = fmt::format("read {:#x} {:#x}", address, size);
    const std::string text = command(line);
    if (!text.starts_with("0x") || text.size() != 2 + 2 * size)
        malformed(line, text);
    Bytes bytes;
    for (std::size_t i = 2; i < text.size(); i += 2)
        bytes.push_back(static_cast<std::uint8_t>(parse_number("0x" + text.substr(i, 2), line)));
    return bytes;
}

void QtestClient::write_hex(std::uint64_t address, std::span<const std::uint8_t> bytes)
{
    command(fmt::format("write {:#x} {:#x} 0x{:02x}", address, bytes.size(), fmt::join(bytes, "")));
}

void QtestClient::memset(std::uint64_t address, std::size_t size, std::uint8_t value)
{
    command(fmt::format("memset {:#x} {:#x} {:#x}", address, size, value));
}

bool QtestClient::big_endian()
{
    const std::string answer = command("endianness");
    if (answer != "big" && answer != "little")
        malformed("endianness", answer);
    return answer == "big";
}

std::uint8_t QtestClient::inb(std::uint16_t port) { return load<std::uint8_t>("inb", port); }
std::uint16_t QtestClient::inw(std::uint16_t port) { return load<std::uint16_t>("inw", port); }
std::uint32_t QtestClient::inl(std::uint16_t port) { return load<std::uint32_t>("inl", port); }
void QtestClient::outb(std::uint16_t port, std::uint8_t value) { store("outb", port, value); }
void QtestClient::outw(std::uint16_t port, std::uint16_t value) { store("outw", port, value); }
void QtestClient::outl(std::uint16_t port, std::uint32_t value) { store("outl", port, value); }

std::int64_t QtestClient::clock_step() { return static_cast<std::int64_t>(number("clock_step")); }
std::int64_t QtestClient::clock_step(std::int64_t nanoseconds)
{
    return static_cast<std::int64_t>(number(fmt::format("clock_step {}", nanoseconds)));
}
std::int64_t QtestClient::clock_set(std::int64_t nanoseconds)
{
    return static_cast<std::int64_t>(number(fmt::format("clock_set {}", nanoseconds)));
}

void QtestClient::irq_intercept_in(const std::string& qom_path) { command("irq_intercept_in " + qom_path); }

void QtestClient::irq_intercept_out(const std::string& qom_path, const std::string& gpio_name)
{
    command("irq_intercept_out " + qom_path + (gpio_name.empty() ? "" : " " + gpio_name));
}

void QtestClient::set_irq_in(const std::string& qom_path, const std::string& gpio_name, int number, int level)
{
    command(fmt::format("set_irq_in {} {} {} {}", qom_path, gpio_name.empty() ? "unnamed-gpio-in" : gpio_name, number,
                        level));
}

bool QtestClient::irq(int number) const
{
    const auto known = irqs_.find(number);
    return known != irqs_.end() && known->second;
}

void QtestClient::wait_irq(int number, bool level, Deadline deadline)
{
    await([&] { return irq(number) == level; }, deadline,
          fmt::format("IRQ {} to be {}", number, level ? "raised" : "lowered"));
}

void QtestClient::module_load(const std::string& prefix, const std::string& name)
{
    command("module_load " + prefix + " " + name);
}

std::uint64_t QtestClient::rtas(const std::string& name, unsigned argument_count, std::uint64_t arguments,
                                unsigned result_count, std::uint64_t results)
{
    return number(fmt::format("rtas {} {} {:#x} {} {:#x}", name, argument_count, arguments, result_count, results));
}

std::uint64_t QtestClient::csr_get(int cpu, int csr)
{
    const std::string line = fmt::format("csr get_csr {} {} 0", cpu, csr);
    const std::string answer = command(line); // "0 VALUE", the value in hexadecimal without a prefix
    if (!answer.starts_with("0 "))
        malformed(line, answer);
    return parse_number("0x" + answer.substr(2), line);
}

void QtestClient::csr_set(int cpu, int csr, std::uint64_t value)
{
    command(fmt::format("csr set_csr {} {} {:#x}", cpu, csr, value));
}

} // namespace qtest
