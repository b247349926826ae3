// SPDX-License-Identifier: GPL-2.0-or-later
#include "chronicle.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "markup.h"

namespace report
{

namespace
{

using qtest::Json;

struct Row {
    double at;
    const char* kind; // class in style.css
    std::string who;
    std::string what;
    std::string data = {};
};

std::vector<Row> rows_of(const Json& record)
{
    std::vector<Row> rows;
    for (const Json& phase : record.at("phases").elements())
        rows.push_back({phase.at("at").as_double(), "phase", "case", phase.at("name").as_string()});
    for (const Json& mark : record.at("marks").elements())
        rows.push_back({mark.at("at").as_double(), "mark", "case", mark.at("name").as_string()});
    for (const Json& vm : record.at("vms").elements()) {
        const std::string name = vm.at("name").as_string();
        for (const Json& event : vm.at("events").elements()) {
            const Json data = event.at("data");
            rows.push_back({event.at("at").as_double(), "event", name, event.at("name").as_string(),
                            data.is_string() ? data.as_string()
                            : data.size()    ? data.dump()
                                             : ""});
        }
        for (const Json& state : vm.at("states").elements())
            rows.push_back({state.at("at").as_double(), "state", name, state.at("state").as_string()});
        if (vm.at("ended").is_number())
            rows.push_back({vm.at("ended").as_double(), "exit", name,
                            vm.at("exit").is_string() ? vm.at("exit").as_string() : "ended"});
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.at < b.at; });
    return rows;
}

} // namespace

std::string chronicle_of(const Json& record)
{
    constexpr std::size_t most = 300;
    const auto rows = rows_of(record);
    if (rows.empty())
        return {};
    const std::size_t first = rows.size() > most ? rows.size() - most : 0;
    std::string out = fmt::format("<details class=\"file\"><summary>Chronicle <small>{}</small></summary>"
                                  "<table class=\"chronicle\">",
                                  counted(rows.size(), "moment"));
    if (first > 0)
        fmt::format_to(std::back_inserter(out), "<tr><td colspan=\"3\">{} before these are not shown</td></tr>",
                       counted(first, "moment"));
    for (std::size_t i = first; i < rows.size(); i++) {
        const Row& row = rows[i];
        fmt::format_to(std::back_inserter(out),
                       "<tr class=\"{}\"><td class=\"n\">{:.3f}</td><td>{}</td><td>{}{}{}{}</td></tr>", row.kind,
                       row.at, escaped(row.who, 60), escaped(row.what, 200), row.data.empty() ? "" : " <code>",
                       escaped(row.data, 600), row.data.empty() ? "" : "</code>");
    }
    return out + "</table></details>";
}

} // namespace report
