// SPDX-License-Identifier: GPL-2.0-or-later
#include "credentials.h"

#include "creds_object.h"
#include "psk.h"
#include "x509_directory.h"

namespace precopy
{

namespace
{

using tls::Endpoint;

const std::string id = "tls0";

void add_object(migration::Vm& vm, const Json& object) { vm.qmp().execute("object-add", object); }

void add_objects(Case& test, MigrationPair& pair, const Psk& psk)
{
    const auto key = tls::make_psk_key();
    const auto add = [&](migration::Vm& vm, Endpoint endpoint, const tls::PskKey& own) {
        const auto directory = test.directory() / (vm.name() + ".tls");
        tls::write_psk(directory, {own});
        add_object(vm, tls::psk_object({.id = id, .endpoint = endpoint, .directory = directory}));
    };
    add(pair.source(), Endpoint::client, key);
    add(pair.target(), Endpoint::server, psk.same_key ? key : tls::make_psk_key());
}

void add_objects(Case& test, MigrationPair& pair, const X509& x509)
{
    const tls::Authority authority;
    const tls::Authority stranger;
    const auto issuer = [&](const X509::Issue& issue) -> const tls::Authority& {
        return issue.by_stranger ? stranger : authority;
    };
    const auto add = [&](migration::Vm& vm, Endpoint endpoint, const tls::X509Files& files, const X509::Issue& own) {
        const auto directory = test.directory() / (vm.name() + ".tls");
        tls::write_x509(directory, files);
        add_object(vm, tls::x509_object({.id = id,
                                         .endpoint = endpoint,
                                         .directory = directory,
                                         .verify_peer = x509.verify_peer,
                                         .sanity_check = own.sound()}));
    };
    tls::X509Files of_source{.trusted = authority.certificate()};
    if (x509.client)
        of_source.client = issuer(x509.clients).client(*x509.client, {.window = x509.clients.window()});
    const tls::X509Files of_target{
        .trusted = authority.certificate(),
        .server =
            issuer(x509.servers).server({.hostname = x509.hostname, .ip = x509.ip, .window = x509.servers.window()})};
    add(pair.source(), Endpoint::client, of_source, x509.clients);
    add(pair.target(), Endpoint::server, of_target, x509.servers);
    if (!x509.hostname.empty())
        pair.set_parameters(pair.source(), {{"tls-hostname", x509.hostname}});
    if (!x509.lets_in.empty()) {
        add_object(pair.target(), tls::authz_object("authz0", "CN=" + x509.lets_in));
        pair.set_parameters(pair.target(), {{"tls-authz", "authz0"}});
    }
}

} // namespace

Hook give(Case& test, const Credentials& credentials)
{
    return [&test, credentials](MigrationPair& pair) {
        std::visit([&](const auto& what) { add_objects(test, pair, what); }, credentials);
        for (migration::Vm* vm : {&pair.source(), &pair.target()})
            pair.set_parameters(*vm, {{"tls-creds", id}});
    };
}

std::vector<Need> needs_of(const Credentials& credentials)
{
    const auto* x509 = std::get_if<X509>(&credentials);
    std::vector<Need> needs{Need::object(x509 ? "tls-creds-x509" : "tls-creds-psk")};
    if (x509 && !x509->lets_in.empty())
        needs.push_back(Need::object("authz-simple"));
    return needs;
}

} // namespace precopy
