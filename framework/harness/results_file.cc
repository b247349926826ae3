// SPDX-License-Identifier: GPL-2.0-or-later
#include "results_file.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <glib.h>

#include "errors.h"
#include "glib_ptr.h"

namespace harness
{

namespace
{

using qtest::Json;

/// What a member may be, and what a complaint calls it.
struct Kind {
    bool (*holds)(const Json&);
    const char* text;
};

bool is_count_from(std::int64_t least, const Json& value)
{
    return value.is_integer() && value.as_double() >= static_cast<double>(least) && value.as_double() < 1e15;
}

/// Beyond it are neither moments nor durations but mistakes; what is below can be shown.
bool is_time_within(double limit, const Json& value)
{
    return value.is_number() && std::abs(value.as_double()) < limit; // false for NaN, too
}

bool is_strings(const Json& value)
{
    if (!value.is_array())
        return false;
    const auto elements = value.elements();
    return std::all_of(elements.begin(), elements.end(), [](const Json& one) { return one.is_string(); });
}

bool is_result(const Json& value)
{
    return value == Json("passed") || value == Json("failed") || value == Json("skipped") || value == Json("error");
}

constexpr Kind string{[](const Json& value) { return value.is_string(); }, "a string"};
constexpr Kind name{[](const Json& value) { return value.is_string() && !value.as_string().empty(); }, "a name"};
constexpr Kind strings{is_strings, "an array of strings"};
constexpr Kind object{[](const Json& value) { return value.is_object(); }, "an object"};
constexpr Kind anything{[](const Json&) { return true; }, "anything"};
constexpr Kind count{[](const Json& value) { return is_count_from(0, value); }, "an integer from 0 on"};
constexpr Kind number{[](const Json& value) { return is_count_from(1, value); }, "an integer from 1 on"};
constexpr Kind result{is_result, "passed, failed, skipped or error"};
constexpr Kind moment{[](const Json& value) { return is_time_within(1e9, value); }, "a number of seconds"};
constexpr Kind duration{[](const Json& value) { return is_time_within(1e9, value) && value.as_double() >= 0; },
                        "a number of seconds from 0 on"};
constexpr Kind since_epoch{[](const Json& value) { return is_time_within(1e11, value) && value.as_double() >= 0; },
                           "a number of seconds since the epoch"};
constexpr Kind end_of_vm{[](const Json& value) { return value.is_null() || is_time_within(1e9, value); },
                         "a number of seconds or null"};
constexpr Kind exit_text{[](const Json& value) { return value.is_null() || value.is_string(); }, "a string or null"};

struct Member {
    const char* key;
    Kind kind;
    bool optional = false;
};

constexpr Member run_members[]{{"id", name},
                               {"started", since_epoch},
                               {"command_line", strings},
                               {"source", object},
                               {"target", object},
                               {"accelerator", string},
                               {"machine", string},
                               {"host", object},
                               {"selected", strings},
                               {"shard", object},
                               {"repeat", count},
                               {"planned", count},
                               {"jobs", count},
                               {"stress", count},
                               {"seed", count},
                               {"deadline_scale", duration},
                               {"deadline_scale_reason", string}};
constexpr Member qemu_members[]{{"binary", string}, {"version", string}, {"package", string}};
constexpr Member host_members[]{
    {"os", string}, {"kernel", string}, {"cpu", string}, {"cores", count}, {"memory_mib", count}};
constexpr Member shard_members[]{{"index", count}, {"count", number}};
constexpr Member case_members[]{{"case", name},
                                {"repetition", number},
                                {"run", name},
                                {"summary", string},
                                {"needs", strings},
                                {"tags", strings},
                                {"deadline_s", count},
                                {"ram_mib", count},
                                {"result", result},
                                {"reason", string},
                                {"known_trouble", string, true},
                                {"started", since_epoch},
                                {"seconds", duration},
                                {"details", object},
                                {"evidence", string, true},
                                {"source", object},
                                {"target", object},
                                {"accelerator", string},
                                {"machine", string},
                                {"host", object}};
constexpr Member phase_members[]{{"name", string}, {"at", moment}, {"seconds", moment}};
constexpr Member mark_members[]{{"name", string}, {"at", moment}};
constexpr Member vm_members[]{
    {"name", string}, {"started", moment}, {"ended", end_of_vm}, {"exit", exit_text}, {"events_left_out", count}};
constexpr Member state_members[]{{"at", moment}, {"state", string}};
constexpr Member event_members[]{{"at", moment}, {"name", string}, {"data", anything}};
constexpr Member end_members[]{{"passed", count},        {"failed", count},     {"skipped", count},
                               {"known_trouble", count}, {"seconds", duration}, {"cut_short", string}};

/// Throws JsonError naming the member; `where` is how the object is called.
template <std::size_t n>
void require(const Json& value, const Member (&members)[n], const std::string& where)
{
    if (!value.is_object())
        throw qtest::JsonError(where + " is no object");
    for (const Member& member : members) {
        const auto found = value.find(member.key);
        if (!found && !member.optional)
            throw qtest::JsonError(fmt::format("{} has no member '{}'", where, member.key));
        if (found && !member.kind.holds(*found))
            throw qtest::JsonError(fmt::format("member '{}' of {} is not {}", member.key, where, member.kind.text));
    }
}

template <std::size_t n>
void require_each(const Json& value, const char* key, const Member (&members)[n], const std::string& where)
{
    const auto list = value.find(key);
    if (!list || !list->is_array())
        throw qtest::JsonError(fmt::format("member '{}' of {} is not an array", key, where));
    const auto elements = list->elements();
    for (std::size_t i = 0; i < elements.size(); i++)
        require(elements[i], members, fmt::format("{}[{}] of {}", key, i, where));
}

void require_what_it_ran_on(const Json& value, const std::string& where)
{
    require(value.at("source"), qemu_members, "source of " + where);
    require(value.at("target"), qemu_members, "target of " + where);
    require(value.at("host"), host_members, "host of " + where);
}

void require_run(const Json& run)
{
    require(run, run_members, "the run");
    require_what_it_ran_on(run, "the run");
    require(run.at("shard"), shard_members, "shard of the run");
    if (run.at("shard/index").as_int() >= run.at("shard/count").as_int())
        throw qtest::JsonError("shard of the run: its index is not below its count");
}

void require_case(const Json& record)
{
    require(record, case_members, "the case");
    require_what_it_ran_on(record, "the case");
    require_each(record, "phases", phase_members, "the case");
    require_each(record, "marks", mark_members, "the case");
    require_each(record, "vms", vm_members, "the case");
    for (const Json& vm : record.at("vms").elements()) {
        require_each(vm, "states", state_members, "VM " + vm.at("name").as_string());
        require_each(vm, "events", event_members, "VM " + vm.at("name").as_string());
    }
}

void take(ResultsFile& file, const Json& line)
{
    if (file.end)
        throw qtest::JsonError("a line after the run's end");
    if (file.run.is_null()) {
        const auto run = line.find("run");
        if (!run || !run->is_object())
            throw qtest::JsonError("expected {\"run\": …}, the first line of a file of results");
        require_run(*run);
        file.run = *run;
    } else if (line.has("case")) {
        require_case(line);
        if (!(line.at("run") == file.run.at("id")))
            throw qtest::JsonError(fmt::format("a case of run {} in the file of run {}", line.at("run").as_string(),
                                               file.run.at("id").as_string()));
        file.cases.push_back(line);
    } else if (const auto end = line.find("end")) {
        require(*end, end_members, "the end");
        file.end = *end;
    } else {
        throw qtest::JsonError("neither a case nor the run's end");
    }
}

std::string content_of(const std::string& path)
{
    char* bytes = nullptr;
    gsize size = 0;
    qtest::ErrorSlot error;
    if (!g_file_get_contents(path.c_str(), &bytes, &size, error.out()))
        throw qtest::EnvironmentError(error.text());
    const qtest::CharPtr owner(bytes);
    return {bytes, size};
}

} // namespace

ResultsFile ResultsFile::read(const std::string& path)
{
    ResultsFile file{.path = path, .run = {}, .cases = {}, .end = {}};
    const std::string content = content_of(path);
    std::size_t number = 1;
    for (std::size_t at = 0; at < content.size() || number == 1; number++) {
        const std::size_t length = std::min(content.find('\n', at), content.size()) - at;
        try {
            take(file, Json::parse(std::string_view(content).substr(at, length)));
        } catch (const qtest::JsonError& error) {
            throw qtest::EnvironmentError(fmt::format("{}:{}: {}", path, number, error.what()));
        }
        at += length + 1;
    }
    return file;
}

} // namespace harness
