// SPDX-License-Identifier: GPL-2.0-or-later
#include "creds_object.h"

namespace tls
{

namespace
{

qtest::Json creds(const char* type, const std::string& id, Endpoint endpoint, const std::filesystem::path& directory,
                  const std::string& priority)
{
    qtest::Json object{{"qom-type", type},
                       {"id", id},
                       {"endpoint", endpoint == Endpoint::client ? "client" : "server"},
                       {"dir", directory.string()}};
    if (!priority.empty())
        object.set("priority", priority);
    return object;
}

} // namespace

qtest::Json x509_object(const X509Creds& what)
{
    auto object = creds("tls-creds-x509", what.id, what.endpoint, what.directory, what.priority);
    object.set("verify-peer", what.verify_peer);
    object.set("sanity-check", what.sanity_check);
    return object;
}

qtest::Json psk_object(const PskCreds& what)
{
    auto object = creds("tls-creds-psk", what.id, what.endpoint, what.directory, what.priority);
    if (what.endpoint == Endpoint::client)
        object.set("username", what.user);
    return object;
}

qtest::Json authz_object(const std::string& id, const std::string& distinguished_name)
{
    return {{"qom-type", "authz-simple"}, {"id", id}, {"identity", distinguished_name}};
}

} // namespace tls
