// SPDX-License-Identifier: GPL-2.0-or-later
#include <exception>
#include <utility>

#include "reporter.h"

namespace harness
{

namespace
{

/// What one reporter throws is thrown once the others have been told: a report that fails does not cost another.
class Broadcast : public Reporter
{
  public:
    explicit Broadcast(std::vector<std::unique_ptr<Reporter>> reporters) : reporters_(std::move(reporters)) {}

    void begin(const RunFacts& facts) override
    {
        tell([&](Reporter& one) { one.begin(facts); });
    }
    void started(const CaseRun& run) override
    {
        tell([&](Reporter& one) { one.started(run); });
    }
    void phase(const CaseRun& run, const std::string& name) override
    {
        tell([&](Reporter& one) { one.phase(run, name); });
    }
    void notice(const std::string& text) override
    {
        tell([&](Reporter& one) { one.notice(text); });
    }
    void tick() override
    {
        tell([&](Reporter& one) { one.tick(); });
    }
    void finished(const CaseRun& run, const Outcome& outcome) override
    {
        tell([&](Reporter& one) { one.finished(run, outcome); });
    }
    void end(const Summary& summary) override
    {
        tell([&](Reporter& one) { one.end(summary); });
    }

  private:
    template <class Verb>
    void tell(Verb verb)
    {
        std::exception_ptr first;
        for (const auto& reporter : reporters_) {
            try {
                verb(*reporter);
            } catch (...) {
                first = first ? first : std::current_exception();
            }
        }
        if (first)
            std::rethrow_exception(first);
    }

    std::vector<std::unique_ptr<Reporter>> reporters_;
};

} // namespace

std::unique_ptr<Reporter> make_broadcast(std::vector<std::unique_ptr<Reporter>> reporters)
{
    return std::make_unique<Broadcast>(std::move(reporters));
}

} // namespace harness
