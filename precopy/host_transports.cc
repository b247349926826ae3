// SPDX-License-Identifier: GPL-2.0-or-later
//
// Transports that want something of the host: RDMA, vsock, pages sent without a copy.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

#include <fmt/format.h>

#include "errors.h"
#include "multifd.h"
#include "precopy.h"

namespace precopy
{

namespace
{

namespace fs = std::filesystem;

/// Binds a stream socket there; where the address' port is 0, the kernel chooses one and it is filled in.
qtest::UniqueFd bind_to(sockaddr* address, socklen_t size)
{
    qtest::UniqueFd fd(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd || ::bind(fd.get(), address, size) != 0 || ::getsockname(fd.get(), address, &size) != 0)
        return {};
    return fd;
}

sockaddr_vm local_vsock()
{
    sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_cid = VMADDR_CID_LOCAL;
    address.svm_port = VMADDR_PORT_ANY;
    return address;
}

std::optional<std::string> no_vsock()
{
    if (!fs::exists("/dev/vsock"))
        return "needs vsock (/dev/vsock), this machine has none";
    sockaddr_vm address = local_vsock();
    if (bind_to(reinterpret_cast<sockaddr*>(&address), sizeof address))
        return std::nullopt;
    return fmt::format("needs vsock to this machine itself (CID 1; Linux's vsock_loopback): {}", std::strerror(errno));
}

Json vsock(Case&, MigrationPair& pair)
{
    sockaddr_vm address = local_vsock();
    bind_to(reinterpret_cast<sockaddr*>(&address), sizeof address); // and free again
    return pair.listen_with({{"uri", fmt::format("vsock:{}:{}", address.svm_cid, address.svm_port)}});
}

/// The network devices that an RDMA device stands on.
std::set<std::string> rdma_devices()
{
    std::set<std::string> names;
    std::error_code none;
    for (const auto& device : fs::directory_iterator("/sys/class/infiniband", none)) {
        for (const auto& port : fs::directory_iterator(device.path() / "ports", none)) {
            for (const auto& entry : fs::directory_iterator(port.path() / "gid_attrs/ndevs", none)) {
                std::ifstream file(entry.path());
                if (std::string name; file >> name)
                    names.insert(name);
            }
        }
    }
    return names;
}

/// An address of this family through which RDMA reaches this machine; of IPv6 one that needs no zone.
std::optional<sockaddr_storage> rdma_address(int family)
{
    const auto devices = rdma_devices();
    ifaddrs* all = nullptr;
    if (devices.empty() || ::getifaddrs(&all) != 0)
        return std::nullopt;
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, ::freeifaddrs);
    for (const ifaddrs* one = all; one; one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != family || !devices.contains(one->ifa_name))
            continue;
        const auto* ipv6 = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr);
        if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&ipv6->sin6_addr))
            continue;
        sockaddr_storage address{};
        std::memcpy(&address, one->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
        return address;
    }
    return std::nullopt;
}

/// That QEMU may pin so much memory.
std::optional<std::string> may_not_lock(rlim_t bytes)
{
    rlimit limit{};
    if (::geteuid() == 0 || (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= bytes))
        return std::nullopt;
    return fmt::format("needs {} KiB of locked memory, this user's limit (ulimit -l) is {}", bytes / 1024,
                       limit.rlim_cur / 1024);
}

constexpr rlim_t rdma_locks = 128 << 20; // as QEMU's own suite

Need rdma_host(int family)
{
    const char* name = family == AF_INET ? "IPv4" : "IPv6";
    return Need::host(std::string("RDMA over ") + name, [=]() -> std::optional<std::string> {
        if (rdma_devices().empty())
            return "needs an RDMA device (/sys/class/infiniband), this machine has none";
        if (!rdma_address(family))
            return fmt::format("needs an {} address on an RDMA device, this machine has none", name);
        return may_not_lock(rdma_locks);
    });
}

/// `rdma:ADDRESS:PORT`; a port that TCP has free, RDMA's own cannot be asked for.
std::string rdma_uri(int family)
{
    sockaddr_storage address = rdma_address(family).value();
    auto* ipv4 = reinterpret_cast<sockaddr_in*>(&address);
    auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&address);
    (family == AF_INET ? ipv4->sin_port : ipv6->sin6_port) = 0;
    bind_to(reinterpret_cast<sockaddr*>(&address), family == AF_INET ? sizeof *ipv4 : sizeof *ipv6);
    char text[INET6_ADDRSTRLEN];
    if (family == AF_INET) {
        ::inet_ntop(family, &ipv4->sin_addr, text, sizeof text);
        return fmt::format("rdma:{}:{}", text, ntohs(ipv4->sin_port));
    }
    ::inet_ntop(family, &ipv6->sin6_addr, text, sizeof text);
    return fmt::format("rdma:[{}]:{}", text, ntohs(ipv6->sin6_port));
}

void rdma(Case& test, int family)
{
    non_live(test, [family](Case& own, MigrationPair& pair) {
        try {
            return pair.listen_with({{"uri", rdma_uri(family)}});
        } catch (const qtest::ExecuteError& error) {
            // No schema says whether a QEMU was built with it.
            if (error.description().find("unknown migration protocol") != std::string::npos)
                own.skip("this QEMU was built without RDMA");
            throw;
        }
    });
}

/// Counted are the flushes in which the kernel had to copy after all, as it always does on the loopback device: no
/// other way of sending counts any.
void zero_copy(Case& test)
{
    MigrationPair::Options options = multifd(4);
    options.only_source.capabilities = {"zero-copy-send"};
    options.after = [&](MigrationPair& pair) {
        expect_multifd_bytes(test, pair);
        const Json missed = pair.source().qmp().execute("query-migrate").at("ram/dirty-sync-missed-zero-copy");
        test.check(missed.as_int() > 0,
                   "source: it sent without zero-copy: dirty-sync-missed-zero-copy is " + missed.dump());
    };
    live(test, tcp, options, [&](MigrationPair& pair) { expect_connections(test, pair, 4); });
}

} // namespace

void register_host_transports(Registry& registry)
{
    const auto add = [&](const char* path, const char* summary, std::function<void(Case&)> run,
                         std::vector<Need> needs) {
        registry.add({.path = std::string("/migration/") + path,
                      .summary = summary,
                      .run = std::move(run),
                      .needs = std::move(needs),
                      .tag = Tag::full});
    };
    add("precopy/rdma/plain", "a stopped guest over RDMA, by an IPv4 address", [](Case& test) { rdma(test, AF_INET); },
        {rdma_host(AF_INET)});
    add("precopy/rdma/plain/ipv6", "a stopped guest over RDMA, by an IPv6 address",
        [](Case& test) { rdma(test, AF_INET6); }, {rdma_host(AF_INET6)});
    add("precopy/vsock/plain", "live over vsock, within this machine", [](Case& test) { live(test, vsock); },
        {Need::host("vsock", no_vsock)});
    add("multifd/tcp/plain/zero-copy", "live, pages sent from where they are", zero_copy,
        {Need::capability("multifd"), Need::capability("zero-copy-send"),
         Need::host("locked memory", [] { return may_not_lock(rlim_t{migration::Launch{}.ram_mib} << 20); })});
}

} // namespace precopy
