// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <unistd.h>

#include <fstream>

#include "refusals.h"

namespace precopy
{

namespace
{

using Values = std::vector<Json>;

/// Of capabilities set together, after `with`.
Refusal combination(std::string name, const std::vector<std::string>& set, const std::string& text,
                    MigrationPair::Side with = {})
{
    Refusal refusal{"capability/" + name, "migrate-set-capabilities", capabilities(set), {text}};
    for (const auto& names : {set, with.capabilities}) {
        for (const std::string& one : names)
            refusal.needs.push_back(Need::capability(one));
    }
    refusal.with = std::move(with);
    return refusal;
}

/// Of a capability that another one, which is set, depends on.
Refusal taken_away(const std::string& base, const std::string& dependent, const std::string& text)
{
    Refusal refusal = combination(base + "/off-under-" + dependent, {}, text, {.capabilities = {base, dependent}});
    refusal.arguments = capabilities({base}, false);
    return refusal;
}

std::optional<std::string> userfaultfd_allowed()
{
    std::ifstream file("/proc/sys/vm/unprivileged_userfaultfd");
    int allowed = 1;
    file >> allowed;
    if (geteuid() != 0 && allowed == 0 && access("/dev/userfaultfd", R_OK | W_OK) != 0)
        return std::nullopt;
    return "this user has userfaultfd, or is root";
}

void add_capabilities(std::vector<Refusal>& all)
{
    const char* zero_copy = "Zero copy only available for non-compressed non-TLS multifd migration";
    const std::vector<std::string> tls{"-object", "tls-creds-anon,id=tls,endpoint=client"};
    all.insert(all.end(),
               {
                   combination("multifd+xbzrle", {"multifd", "xbzrle"}, "Multifd is not compatible with xbzrle"),
                   combination("multifd+xbzrle/later", {"xbzrle"}, "Multifd is not compatible with xbzrle",
                               {.capabilities = {"multifd"}}),
                   combination("mapped-ram+postcopy-ram", {"mapped-ram", "postcopy-ram"},
                               "Mapped-ram migration is incompatible with postcopy"),
                   combination("mapped-ram+xbzrle", {"mapped-ram", "xbzrle"},
                               "Mapped-ram migration is incompatible with xbzrle"),
                   combination("postcopy-ram+x-ignore-shared", {"postcopy-ram", "x-ignore-shared"},
                               "Postcopy is not compatible with ignore-shared"),
                   combination("postcopy-preempt", {"postcopy-preempt"}, "Postcopy preempt requires postcopy-ram"),
                   taken_away("postcopy-ram", "postcopy-preempt", "Postcopy preempt requires postcopy-ram"),
                   combination("switchover-ack", {"switchover-ack"},
                               "Capability 'switchover-ack' requires capability 'return-path'"),
                   taken_away("return-path", "switchover-ack",
                              "Capability 'switchover-ack' requires capability 'return-path'"),
                   combination("dirty-limit+auto-converge", {"dirty-limit", "auto-converge"},
                               "dirty-limit conflicts with auto-converge"),
                   combination("zero-copy-send", {"zero-copy-send"}, zero_copy),
                   // The others must stay off too.
                   combination("several-at-once", {"xbzrle", "auto-converge", "zero-copy-send"}, zero_copy),
                   taken_away("multifd", "zero-copy-send", zero_copy),
                   combination("zero-copy-send+zlib", {"multifd", "zero-copy-send"}, zero_copy,
                               {.parameters = {{"multifd-compression", "zlib"}}}),
                   combination("zero-copy-send+tls", {"multifd", "zero-copy-send"}, zero_copy,
                               {.parameters = {{"tls-creds", "tls"}}, .arguments = tls}),
               });
    for (const char* other :
         {"auto-converge", "dirty-bitmaps", "late-block-activate", "multifd", "pause-before-switchover", "postcopy-ram",
          "release-ram", "return-path", "validate-uuid", "xbzrle"})
        all.push_back(combination(std::string("background-snapshot+") + other, {"background-snapshot", other},
                                  std::string("Background-snapshot is not compatible with ") + other));
    Refusal unprivileged = combination("background-snapshot/unprivileged", {"background-snapshot"},
                                       "Background-snapshot is not supported by host kernel");
    unprivileged.needs.push_back(Need::host("no userfaultfd", userfaultfd_allowed));
    Refusal ring = combination("dirty-limit/no-ring", {"dirty-limit"},
                               "dirty-limit requires KVM with accelerator property 'dirty-ring-size' set");
    Refusal unknown{"capability/unknown",
                    "migrate-set-capabilities",
                    capabilities({"no-such"}),
                    {"Parameter 'capability' does not accept value 'no-such'"}};
    all.insert(all.end(), {unprivileged, ring, unknown});
    for (const auto& [name, value] :
         {std::pair<const char*, const char*>{"multifd-compression", "zlib"}, {"tls-creds", "tls"}}) {
        Refusal later{std::string("parameter/") + name + "/zero-copy-send",
                      "migrate-set-parameters",
                      Json{{name, value}},
                      {zero_copy},
                      {Need::capability("zero-copy-send")}};
        later.with = {.capabilities = {"multifd", "zero-copy-send"}, .arguments = tls};
        all.push_back(later);
    }
}

} // namespace

Json capabilities(const std::vector<std::string>& names, bool state)
{
    Json list = Json::array();
    for (const std::string& name : names)
        list.append(Json{{"capability", name}, {"state", state}});
    return {{"capabilities", list}};
}

std::vector<Refusal> settings_refused()
{
    std::vector<Refusal> all;
    add_capabilities(all);
    const auto add = [&](const std::string& parameter, const Values& values, const std::vector<std::string>& parts) {
        for (const Json& value : values)
            all.push_back({"parameter/" + parameter + "/" + (value.is_string() ? value.as_string() : value.dump()),
                           "migrate-set-parameters",
                           Json{{parameter, value}},
                           parts,
                           {Need::parameter(parameter)}});
    };
    const std::string percent = "an integer in the range of 1 to 99";
    add("multifd-channels", {0}, {"channels", "a value between 1 and 255"});
    add("multifd-channels", {-1, 256}, {"Parameter 'multifd-channels' expects uint8"});
    add("max-bandwidth", {1e20}, {"Parameter 'max-bandwidth' expects uint64"});
    add("downtime-limit", {-1, 2000001}, {"downtime", "an integer in the range of 0 to (2000 * 1000) ms"});
    add("multifd-zlib-level", {10}, {"zlib", "a value between 0 and 9"});
    add("multifd-zstd-level", {21}, {"zstd", "a value between 0 and 20"});
    add("multifd-qatzip-level", {0, 10}, {"qatzip", "a value between 1 and 9"});
    add("cpu-throttle-initial", {0, 100}, {"initial", percent});
    add("cpu-throttle-increment", {0, 100}, {"increment", percent});
    // The initial value is 20.
    add("max-cpu-throttle", {19, 100}, {"max", "an integer in the range of", "to 99"});
    add("throttle-trigger-threshold", {0, 101}, {"trigger", "an integer in the range of 1 to 100"});
    add("xbzrle-cache-size", {0, 2048, 12288}, {"xbzrle", "a power of two no less than the target page size"});
    add("announce-initial", {100001}, {"initial", "a value between 0 and 100000"});
    add("announce-max", {100001}, {"max", "a value between 0 and 100000"});
    add("announce-rounds", {1001}, {"rounds", "a value between 0 and 1000"});
    add("announce-step", {0, 10001}, {"step", "a value between 0 and 10000"});
    add("x-vcpu-dirty-limit-period", {0, 1001}, {"limit-period", "a value between 1 and 1000"});
    add("vcpu-dirty-limit", {0}, {"must be greater than 1 MB/s"});
    add("x-rdma-chunk-size", {3}, {"a power of 2 in the range 1MiB to 1024MiB"});
    add("multifd-compression", {"no-such"}, {"Parameter 'multifd-compression' does not accept value 'no-such'"});
    add("zero-page-detection", {"no-such"}, {"Parameter 'zero-page-detection' does not accept value 'no-such'"});
    add("mode", {"no-such"}, {"Parameter 'mode' does not accept value 'no-such'"});
    add("no-such", {1}, {"Parameter 'no-such' is unexpected"});
    all.back().needs.clear();
    // What could be set must not be.
    all.push_back({"parameter/several-at-once",
                   "migrate-set-parameters",
                   Json{{"downtime-limit", 17}, {"max-bandwidth", 4096}, {"multifd-channels", 0}},
                   {"channels", "a value between 1 and 255"}});
    const auto alias = [](const char* node, const char* name) {
        return Json{{"node-name", node}, {"alias", name}, {"bitmaps", Json::array()}};
    };
    const std::string mapping = "Invalid mapping given for block-bitmap-mapping: ";
    for (const auto& [name, list, text] :
         {std::tuple{"no-alias", Values{alias("a", "")}, "The node alias '' is not well-formed"},
          std::tuple{"same-node", Values{alias("a", "b"), alias("a", "c")}, "The node name 'a' is mapped twice"},
          std::tuple{"same-alias", Values{alias("a", "c"), alias("b", "c")}, "The node alias 'c' is used twice"}})
        all.push_back({std::string("parameter/block-bitmap-mapping/") + name,
                       "migrate-set-parameters",
                       Json{{"block-bitmap-mapping", Json::array(list)}},
                       {mapping + text}});
    return all;
}

} // namespace precopy
