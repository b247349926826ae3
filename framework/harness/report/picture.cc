// SPDX-License-Identifier: GPL-2.0-or-later
#include "picture.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include <fmt/format.h>

#include "labels.h"
#include "markup.h"
#include "time_axis.h"

namespace report
{

namespace
{

using qtest::Json;

/// The run states that have a colour of their own in style.css: the letters of their class.
const std::map<std::string, const char*> state_classes{
    {"prelaunch", "pre"},      {"inmigrate", "inm"},      {"running", "run"},        {"paused", "pau"},
    {"stopped", "sto"},        {"suspended", "pau"},      {"finish-migrate", "sto"}, {"postmigrate", "pos"},
    {"colo", "col"},           {"save-vm", "sto"},        {"restore-vm", "inm"},     {"shutdown", "shu"},
    {"guest-panicked", "bad"}, {"internal-error", "bad"}, {"io-error", "bad"},       {"watchdog", "bad"},
    {"left out", "out"}};

const char* class_of(const std::string& state)
{
    const auto found = state_classes.find(state);
    return found == state_classes.end() ? "oth" : found->second;
}

const char* hidden_where_narrow(Fit fit) { return fit == Fit::wide ? " w" : ""; }

std::string at_text(double time) { return fmt::format("{:.3f} s", time); }

/// Everything that has a place in time.
std::vector<double> moments_of(const Json& record)
{
    std::vector<double> moments{0, record.at("seconds").as_double()};
    const auto add = [&moments](const Json& list) {
        for (const Json& one : list.elements())
            moments.push_back(one.at("at").as_double());
    };
    add(record.at("phases"));
    add(record.at("marks"));
    for (const Json& vm : record.at("vms").elements()) {
        add(vm.at("states"));
        add(vm.at("events"));
        moments.push_back(vm.at("started").as_double());
        if (!vm.at("ended").is_null())
            moments.push_back(vm.at("ended").as_double());
    }
    return moments;
}

/// Moments by the spot they fall on, and what there is to say of each.
class Spot
{
  public:
    explicit Spot(double place) : at(place) {}

    double at;
    bool is_status = false;

    void add(const std::string& line)
    {
        if (count_++ < most)
            text_ += (text_.empty() ? "" : "\n") + line;
    }
    std::string title() const
    {
        return count_ <= most ? text_ : fmt::format("{}\n… and {} more", text_, count_ - most);
    }

  private:
    static constexpr std::size_t most = 4;
    std::size_t count_ = 0;
    std::string text_ = {}; // escaped
};

/// What is drawn of one stretch after the other: each visible, however short, unless it is covered already.
struct Extent {
    double least; // width
    double begin = 0;
    double end = -1;

    double width() const { return end - begin; }
    /// Moves on to the next stretch; says whether there is something to draw.
    bool take(double from, double to)
    {
        if (to <= end)
            return false;
        begin = std::max(from, end);
        end = std::max(to, begin + least);
        return true;
    }
};

class Picture
{
  public:
    Picture(const Json& record, double spot)
        : record_(record), spot_(spot),
          failed_(record.at("result") == Json("failed") || record.at("result") == Json("error")),
          axis_(moments_of(record))
    {
    }

    std::string draw()
    {
        // The top is drawn last: what is behind the lanes is as high as they are.
        const int top = 22 + (record_.at("marks").size() > 0 ? 14 : 0);
        int y = top + 4;
        std::string lanes;
        for (const Json& vm : record_.at("vms").elements())
            lanes += lane(vm, y);
        if (record_.at("vms").size() == 0) {
            lanes += fmt::format("<text y=\"{}\" class=\"m\">no VM told anything</text>", y + 12);
            y += 18;
        }
        const int bottom = y;
        return fmt::format(
            "<svg class=\"pic\" role=\"img\" height=\"{}\" width=\"100%\"><title>{}</title>{}{}{}{}</svg>{}",
            bottom + 18, escaped("what " + record_.at("case").as_string() + " went through", 300), behind(top, bottom),
            phases(bottom), marks(), lanes + scale(bottom), legend());
    }

  private:
    /// Its end may be what is wrong.
    bool is_loud(const Json& vm) const
    {
        const Json exit = vm.at("exit");
        return failed_ && exit.is_string() && exit.as_string() != "exited with status 0";
    }

    double percent(const Json& moment) const { return axis_.at(moment.at("at").as_double()); }

    /// Shortened time, and the lines of the scale.
    std::string behind(int top, int bottom) const
    {
        std::string out;
        for (const TimeAxis::Stretch& stretch : axis_.stretches()) {
            if (stretch.shortened)
                fmt::format_to(std::back_inserter(out),
                               "<rect class=\"gap\" x=\"{:.2f}%\" y=\"{}\" width=\"{:.2f}%\" height=\"{}\"/>",
                               stretch.begin, top, stretch.end - stretch.begin, bottom - top);
        }
        return out;
    }

    std::string phases(int bottom) const
    {
        std::string out;
        const auto all = record_.at("phases").elements();
        Extent extent{spot_};
        for (std::size_t i = 0; i < all.size(); i++) {
            const bool last = i + 1 == all.size();
            if (!extent.take(percent(all[i]), last ? 100 : percent(all[i + 1])))
                continue;
            const std::string name = all[i].at("name").as_string();
            fmt::format_to(std::back_inserter(out),
                           "<g><title>{0} from {1} for {2}</title><rect class=\"ph{3}\" x=\"{4:.2f}%\" "
                           "width=\"{5:.2f}%\"/><line class=\"pl\" x1=\"{4:.2f}%\" x2=\"{4:.2f}%\" "
                           "y2=\"{6}\"/>",
                           escaped_line(name, 120), at_text(all[i].at("at").as_double()),
                           seconds_text(all[i].at("seconds").as_double()), last && failed_ ? " bad" : "", extent.begin,
                           extent.width(), bottom);
            if (const Fit fit = fit_within(name, extent.width()); fit != Fit::never)
                fmt::format_to(std::back_inserter(out),
                               "<text class=\"pt{}\" x=\"{:.2f}%\" dx=\"5\" y=\"13\">{}</text>",
                               hidden_where_narrow(fit), extent.begin, escaped(name));
            out += "</g>";
        }
        return out;
    }

    std::string marks() const
    {
        std::vector<Spot> spots;
        for (const Json& mark : record_.at("marks").elements()) {
            const double at = percent(mark);
            if (spots.empty() || at - spots.back().at > 1)
                spots.emplace_back(at);
            spots.back().add(escaped(mark.at("name").as_string(), 100) + ": " + at_text(mark.at("at").as_double()));
        }
        std::string out;
        for (const Spot& one : spots)
            fmt::format_to(std::back_inserter(out),
                           "<circle class=\"mk\" cx=\"{:.2f}%\" cy=\"29\" r=\"4\"><title>{}</title></circle>",
                           std::clamp(one.at, 0.5, 99.5), one.title());
        return out;
    }

    /// Draws one VM with its upper edge at y, and moves y below it.
    std::string lane(const Json& vm, int& y)
    {
        std::string out = fmt::format("<svg y=\"{}\" overflow=\"visible\"><text class=\"vm\" y=\"13\">{}</text>", y,
                                      escaped_line(vm.at("name").as_string(), 24));
        const auto exit = vm.at("exit");
        const std::string last =
            vm.at("states").size() ? vm.at("states").elements().back().at("state").as_string() : "";
        const std::string text = exit.is_string()           ? exit.as_string()
                                 : failed_ && !last.empty() ? last + " to the end"
                                                            : "";
        fmt::format_to(std::back_inserter(out), "<text class=\"{}\" x=\"100%\" y=\"13\" text-anchor=\"end\">{}</text>",
                       is_loud(vm) ? "ex bad" : "ex", escaped_line(text, 36));
        out += states(vm);
        const auto [ticks, rows] = events(vm);
        out += ticks + "</svg>";
        y += 50 + static_cast<int>(rows) * 13;
        return out;
    }

    std::string states(const Json& vm)
    {
        const auto all = vm.at("states").elements();
        const Json ended = vm.at("ended");
        const double lanes_end = ended.is_null() ? 100 : axis_.at(ended.as_double());
        std::string out;
        Extent extent{spot_};
        for (std::size_t i = 0; i < all.size(); i++) {
            const double end = i + 1 < all.size() ? percent(all[i + 1]) : lanes_end;
            if (!extent.take(std::min(percent(all[i]), lanes_end), std::min(end, lanes_end)))
                continue;
            const std::string state = all[i].at("state").as_string();
            used_.insert(state);
            fmt::format_to(std::back_inserter(out),
                           "<rect class=\"s {}\" x=\"{:.2f}%\" width=\"{:.2f}%\"><title>{} from "
                           "{}</title></rect>",
                           class_of(state), extent.begin, extent.width(), escaped_line(state, 60),
                           at_text(all[i].at("at").as_double()));
            if (const Fit fit = fit_within(state, extent.width()); fit != Fit::never)
                fmt::format_to(std::back_inserter(out),
                               "<text class=\"st {}{}\" x=\"{:.2f}%\" dx=\"5\" y=\"31\">{}</text>", class_of(state),
                               hidden_where_narrow(fit), extent.begin, escaped(state));
        }
        if (!ended.is_null())
            fmt::format_to(std::back_inserter(out),
                           "<line class=\"end{1}\" x1=\"{0:.2f}%\" x2=\"{0:.2f}%\" y1=\"16\" y2=\"38\"/>", lanes_end,
                           is_loud(vm) ? " bad" : "");
        return out;
    }

    /// Ticks and words below the states, and how many rows of words there are.
    std::pair<std::string, std::size_t> events(const Json& vm)
    {
        std::vector<Spot> spots;
        std::string words;
        LabelRows rows;
        const auto all = vm.at("events").elements();
        for (const Json& event : all) {
            const double at = percent(event);
            const std::string name = event.at("name").as_string();
            if (spots.empty() || at - spots.back().at > spot_)
                spots.emplace_back(at);
            const Json data = event.at("data");
            spots.back().add(fmt::format("{} {}{}", at_text(event.at("at").as_double()), escaped_line(name, 60),
                                         data.size() ? " " + escaped_line(data.dump(), 160) : ""));
            const auto status = data.find("status");
            if (name != "MIGRATION" || !status || !status->is_string())
                continue;
            spots.back().is_status = true;
            const std::string word = status->as_string();
            const auto place = rows.add(word, at);
            if (place.fit != Fit::never)
                fmt::format_to(std::back_inserter(words),
                               "<text class=\"ms{}{}\" x=\"{:.2f}%\" dx=\"{}\" y=\"{}\"{}>{}</text>",
                               word == "failed" || word == "cancelled" ? " bad" : "", hidden_where_narrow(place.fit),
                               at, place.ends_here ? 2 : 0, 54 + place.row * 13,
                               place.ends_here ? " text-anchor=\"end\"" : "", escaped_line(word, 40));
        }
        std::string ticks;
        for (const Spot& one : spots)
            fmt::format_to(std::back_inserter(ticks), "<rect class=\"{}\" x=\"{:.2f}%\"><title>{}</title></rect>",
                           one.is_status ? "ev m" : "ev", std::min(one.at, 99.8), one.title());
        if (const auto left_out = vm.at("events_left_out").as_int(); left_out > 0)
            fmt::format_to(
                std::back_inserter(words),
                "<text class=\"ms\" x=\"50%\" y=\"{}\" text-anchor=\"middle\">{} more events not shown</text>",
                54 + rows.used() * 13, left_out);
        return {ticks + words, rows.used() + (vm.at("events_left_out").as_int() > 0 ? 1 : 0)};
    }

    std::string scale(int bottom) const
    {
        std::string out = fmt::format("<line class=\"ax\" x2=\"100%\" y1=\"{0}\" y2=\"{0}\"/>", bottom);
        bool every_other = false;
        for (const TimeAxis::Tick& tick : axis_.ticks()) {
            const char* anchor = tick.at < 3 ? "start" : tick.at > 97 ? "end" : "middle";
            fmt::format_to(std::back_inserter(out),
                           "<line class=\"ax\" x1=\"{0:.2f}%\" x2=\"{0:.2f}%\" y1=\"{1}\" y2=\"{2}\"/><text "
                           "class=\"ti{3}\" x=\"{0:.2f}%\" y=\"{4}\" text-anchor=\"{5}\">{6}</text>",
                           tick.at, bottom, bottom + 4, every_other ? " w" : "", bottom + 15, anchor, tick.label);
            every_other = !every_other;
        }
        for (const TimeAxis::Stretch& stretch : axis_.stretches()) {
            if (stretch.shortened)
                fmt::format_to(std::back_inserter(out),
                               "<text class=\"ti\" x=\"{:.2f}%\" y=\"{}\" text-anchor=\"middle\">⋯ {} ⋯</text>",
                               (stretch.begin + stretch.end) / 2, bottom + 15, seconds_text(stretch.to - stretch.from));
        }
        return out;
    }

    std::string legend() const
    {
        std::string out;
        for (const std::string& state : used_)
            fmt::format_to(std::back_inserter(out), "<li><i class=\"{}\"></i>{}</li>", class_of(state),
                           escaped_line(state, 60));
        if (const auto marks = record_.at("marks").elements(); !marks.empty()) {
            const auto name = [](const Json& mark) { return escaped(mark.at("name").as_string(), 60); };
            fmt::format_to(std::back_inserter(out), "<li><i class=\"mk\"></i>{}{}</li>", name(marks.front()),
                           marks.size() > 1 ? " … " + name(marks.back()) : "");
        }
        return out.empty() ? out : "<ul class=\"legend\">" + out + "</ul>";
    }

    const Json& record_;
    const double spot_; // what is nearer together than this, in per cent of the width, is one
    const bool failed_;
    const TimeAxis axis_;
    std::set<std::string> used_; // states
};

} // namespace

std::string picture_of(const Json& record, double spot) { return Picture(record, spot).draw(); }

} // namespace report
