// SPDX-License-Identifier: GPL-2.0-or-later
//
// RecordChecker on what GnuTLS sends, whole and in pieces; and on the same with a fault made in each place.
#include <gtest/gtest.h>

#include "authority.h"
#include "record_checker.h"
#include "scratch.h"
#include "tls_peer.h"
#include "x509_directory.h"

namespace
{

using tls::RecordChecker;

std::string objection(std::string_view bytes)
{
    RecordChecker checker;
    checker.feed(bytes);
    return checker.objection().value_or("none");
}

/// What the client sent: a handshake, then so much data.
std::string client_bytes(std::size_t data, const char* priority)
{
    const Scratch scratch;
    const tls::Authority authority;
    tls::write_x509(scratch.path(), {authority.certificate(), authority.server({.hostname = "qemu.org"}),
                                     authority.client("ACME QEMU Client")});
    TlsPeer client(tls::Endpoint::client);
    TlsPeer server(tls::Endpoint::server);
    client.use_x509(scratch.path());
    server.use_x509(scratch.path());
    gnutls_priority_set_direct(client.session(), priority, nullptr);
    TlsPeer::handshake(client, server);
    EXPECT_EQ(server.code(), 0);
    RecordChecker answers;
    answers.feed(server.sent());
    EXPECT_EQ(answers.objection(), std::nullopt);
    EXPECT_GT(answers.records(), 1U);
    client.send(std::string(data, 'x'));
    return client.sent();
}

class TlsRecords : public testing::TestWithParam<const char*>
{
  protected:
    static constexpr std::size_t data = 100000;
    const std::string bytes_ = client_bytes(data, GetParam());
};

TEST_P(TlsRecords, AConnectionIsNothingElse)
{
    RecordChecker whole;
    whole.feed(bytes_);
    EXPECT_EQ(whole.objection(), std::nullopt);
    EXPECT_TRUE(whole.between_records());
    EXPECT_EQ(whole.bytes(), bytes_.size());
    EXPECT_GE(whole.application_data(), data);
    EXPECT_LT(whole.application_data(), data + 4000);

    RecordChecker bytewise;
    for (const char& byte : bytes_)
        bytewise.feed({&byte, 1});
    EXPECT_EQ(bytewise.objection(), std::nullopt);
    EXPECT_EQ(bytewise.bytes(), whole.bytes());
    EXPECT_EQ(bytewise.records(), whole.records());
    EXPECT_EQ(bytewise.application_data(), whole.application_data());
}

TEST_P(TlsRecords, WhatFollowsInTheClearIsFoundAtItsFirstByte)
{
    RecordChecker checker;
    checker.feed(bytes_);
    const auto before = checker.application_data();
    checker.feed("QEVM and what follows");
    ASSERT_TRUE(checker.flaw());
    EXPECT_EQ(checker.flaw()->offset, bytes_.size());
    EXPECT_EQ(checker.objection(),
              "byte " + std::to_string(bytes_.size()) + " is 51, but a record of type 14 to 17 was to begin there");
    checker.feed(bytes_);
    EXPECT_EQ(checker.flaw()->offset, bytes_.size());
    EXPECT_EQ(checker.application_data(), before);
    EXPECT_EQ(checker.bytes(), 2 * bytes_.size() + 21);
    EXPECT_FALSE(checker.between_records());
}

TEST_P(TlsRecords, AByteTooManyOrTooFewIsFound)
{
    EXPECT_EQ(objection(std::string_view(bytes_).substr(0, 3)), "it ended after 3 of the 5 bytes of a record's header");
    std::string text = objection(std::string_view(bytes_).substr(0, bytes_.size() - 7));
    EXPECT_TRUE(text.starts_with("it ended 7 bytes short of the end of a record of ")) << text;
    std::string shifted = bytes_;
    shifted.insert(5, "x");
    EXPECT_NE(objection(shifted), "none");
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsRecords,
                         testing::Values("NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"));

TEST(TlsRecordHeader, EachOfItsBytesIsHeldToTheStandard)
{
    using namespace std::string_literals;
    const std::string hello = "\x16\x03\x01\x00\x01!"s;
    EXPECT_EQ(objection(hello), "none");
    EXPECT_EQ(objection(""), "nothing was sent");
    EXPECT_EQ(objection("QEVM"), "byte 0 is 51, but a record of type 16 (handshake) was to begin there");
    EXPECT_EQ(objection("\x17\x03\x03\x00\x01!"s),
              "byte 0 is 17, but a record of type 16 (handshake) was to begin there");
    for (const auto* good : {"\x14", "\x15", "\x16", "\x17"})
        EXPECT_EQ(objection(hello + good + "\x03\x04\x00\x01!"s), "none");
    EXPECT_EQ(objection(hello + "\x13"), "byte 6 is 13, but a record of type 14 to 17 was to begin there");
    EXPECT_EQ(objection(hello + "\x18"), "byte 6 is 18, but a record of type 14 to 17 was to begin there");
    EXPECT_EQ(objection("\x16\x02"), "byte 1 is 02, but a record's version was to begin there with 03");
    EXPECT_EQ(objection("\x16\x03\x00"s), "byte 2 is 00, but a record's version was to end there with 01 to 04");
    EXPECT_EQ(objection("\x16\x03\x05"), "byte 2 is 05, but a record's version was to end there with 01 to 04");
    EXPECT_EQ(objection("\x16\x03\x01\x48\x01"),
              "byte 4 is 01, but that makes a record of 18433 bytes, where 18432 is the most");
    EXPECT_EQ(objection("\x16\x03\x01\x48\x00"s), "it ended 18432 bytes short of the end of a record of 18432");
    EXPECT_EQ(objection("\x16\x03\x01\x00\x00"s), "byte 4 is 00, but that makes an empty record of type 16");
    EXPECT_EQ(objection(hello + "\x17\x03\x03\x00\x00"s), "none");
}

} // namespace
