// SPDX-License-Identifier: GPL-2.0-or-later
#include "evidence_view.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "log_file.h"
#include "markup.h"

namespace fs = std::filesystem;

namespace report
{

namespace
{

using qtest::Json;

// Of a longer file its beginning and, more of it, its end.
constexpr std::size_t head = 16 * 1024;
constexpr std::size_t tail = 48 * 1024;

/// What explains most comes first; what the report shows already, last.
int rank(const std::string& name)
{
    const std::vector<std::string> order{"backtrace", "stderr", "case.output", "state.json",
                                         "console",   "qmp",    "qtest",       "command-line"};
    for (std::size_t i = 0; i < order.size(); i++) {
        if (name.find(order[i]) != std::string::npos)
            return static_cast<int>(i);
    }
    return static_cast<int>(order.size()) + (name == "case.json" ? 1 : 0);
}

std::vector<std::string> files_in(const fs::path& directory)
{
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
        std::error_code unknown;
        if (entry->symlink_status(unknown).type() == fs::file_type::regular)
            names.push_back(entry->path().filename());
    }
    std::sort(names.begin(), names.end(),
              [](const std::string& a, const std::string& b) { return std::pair(rank(a), a) < std::pair(rank(b), b); });
    return names;
}

std::string read_head(const fs::path& path, std::size_t most)
{
    std::ifstream file(path, std::ios::binary);
    std::string bytes(most, '\0');
    file.read(bytes.data(), static_cast<std::streamsize>(most));
    bytes.resize(static_cast<std::size_t>(file.gcount()));
    return bytes;
}

/// A directory may have been written anew by another run, and a file of results may name any directory.
bool is_evidence_of(const fs::path& directory, const Json& record)
{
    try {
        const Json kept = Json::parse(qtest::read_tail(directory / "case.json", 16 * 1024 * 1024));
        return kept.at("case") == record.at("case") && kept.at("run") == record.at("run") &&
               kept.at("repetition") == record.at("repetition");
    } catch (const qtest::JsonError&) {
        return false;
    }
}

} // namespace

std::string EvidenceView::of(const Json& record)
{
    const auto place = record.find("evidence");
    if (!place)
        return {};
    const std::string directory = place->as_string();
    std::string out = fmt::format("<p class=\"where\">Evidence: <code>{}</code>", escaped(directory));
    if (!is_evidence_of(directory, record))
        return out + " <em>is not there any more, or not of this run</em></p>";
    Parts parts;
    for (const std::string& name : files_in(directory))
        add(parts, directory, name);
    out += "</p><div class=\"files\">" + parts.files + "</div>";
    return parts.others.empty() ? out : out + "<p class=\"others\">Not shown: " + parts.others + "</p>";
}

void EvidenceView::add(Parts& parts, const std::string& directory, const std::string& name)
{
    const fs::path path = fs::path(directory) / name;
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    const auto refuse = [&](const std::string& why) {
        parts.others +=
            fmt::format("{}<code>{}</code> ({})", parts.others.empty() ? "" : ", ", escaped(name, 200), why);
    };
    if (error)
        return refuse("cannot be read: " + escaped(error.message()));
    if (size == 0)
        return refuse("empty");
    const bool cut = size > head + tail;
    const std::string first = read_head(path, cut ? head : head + tail);
    if (first.find('\0') != std::string::npos)
        return refuse("not text, " + size_text(size));
    std::string text = escaped(first);
    if (cut)
        text += fmt::format("<b class=\"cut\">\n… {} left out here …\n</b>{}", size_text(size - head - tail),
                            escaped(qtest::read_tail(path, tail)));
    if (text.size() > budget_)
        return refuse(size_text(size) + ", the report would get too long");
    budget_ -= text.size();
    parts.files += fmt::format("<details class=\"file\"><summary><code>{}</code> <small>{}{}</small></summary>"
                               "<pre>{}</pre></details>",
                               escaped(name, 200), size_text(size), cut ? ", cut" : "", text);
}

} // namespace report
