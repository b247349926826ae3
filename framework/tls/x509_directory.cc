// SPDX-License-Identifier: GPL-2.0-or-later
#include "x509_directory.h"

#include "private_file.h"

namespace tls
{

void write_x509(const std::filesystem::path& directory, const X509Files& files)
{
    make_private_directory(directory);
    if (!files.trusted.empty())
        write_private_file(directory / "ca-cert.pem", files.trusted);
    const auto write = [&](const std::string& side, const Identity& identity) {
        write_private_file(directory / (side + "-cert.pem"), identity.certificate);
        write_private_file(directory / (side + "-key.pem"), identity.key);
    };
    if (files.server)
        write("server", *files.server);
    if (files.client)
        write("client", *files.client);
}

} // namespace tls
