#include "minimise.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace possync::sim {

namespace {

/// The same promise in the same way: numbers and names may differ.
std::string kind_of(Violation const& violation) {
    std::string kind = violation.promise + " ";
    auto const after = violation.what.find("after the faults stopped");
    for (char const c : after == std::string::npos ? violation.what : violation.what.substr(after)) {
        if (c >= 'a' && c <= 'z') kind += c;
    }
    return kind.substr(0, 80);
}

}  // namespace

std::vector<Step> minimise(RunOptions options, Outcome const& failed, std::chrono::seconds limit) {
    auto const began = std::chrono::steady_clock::now();
    std::string const wanted = kind_of(*failed.violation);
    auto const starts = [](Step const& step) { return step.words.size() == 3 && step.words[0] == "service" && step.words[2] == "start"; };
    options.tell = nullptr;
    options.events = 1'000'000'000;  // the story ends where it ends
    auto const fails = [&](std::vector<Step> const& story) {
        options.story = &story;
        auto const outcome = run(options);
        return outcome.violation && kind_of(*outcome.violation) == wanted;
    };
    std::vector<Step> story = failed.story;
    std::size_t piece = story.size() / 2;
    while (piece > 0) {
        bool cut = false;
        for (std::size_t end = story.size(); end > 0;) {
            if (std::chrono::steady_clock::now() - began > limit) return story;
            std::size_t const begin = end > piece ? end - piece : 0;
            std::vector<Step> shorter(story.begin(), story.begin() + static_cast<std::ptrdiff_t>(begin));
            std::copy_if(story.begin() + static_cast<std::ptrdiff_t>(begin), story.begin() + static_cast<std::ptrdiff_t>(end), std::back_inserter(shorter), starts);
            shorter.insert(shorter.end(), story.begin() + static_cast<std::ptrdiff_t>(end), story.end());
            if (shorter.size() == story.size()) {
                end = begin;
                continue;
            }
            if (fails(shorter)) {
                story = std::move(shorter);
                cut = true;
            }
            end = begin;
        }
        if (!cut || piece > story.size()) piece = std::min(piece / 2, story.size() / 2);
    }
    // Time that need not pass.
    for (std::size_t i = 0; i < story.size() && std::chrono::steady_clock::now() - began < limit; ++i) {
        if (story[i].wait.count() == 0) continue;
        auto const was = std::exchange(story[i].wait, base::Duration(0));
        if (!fails(story)) story[i].wait = was;
    }
    return story;
}

std::string to_scenario(std::vector<Step> const& story, Outcome const& failed, std::string const& command) {
    std::string text = fmt::format("# {}: {}\n# {}\n", failed.violation->promise, failed.violation->what, command);
    std::string account;
    bool started = false;
    for (auto const& step : story) {
        auto const ms = step.wait.count() / 1000;
        if (ms > 0) text += fmt::format("wait {}ms\n", ms);
        if (!step.account.empty() && step.account != account) text += fmt::format("account {}\n", account = step.account);
        auto const& words = step.words;
        if (words[0] == "account" && words.size() == 2) account = words[1];
        bool const service = words[0] == "service";
        if (service && words[1] == "1" && words[2] == "start") {
            text += std::exchange(started, true) ? "restart\n" : "start\n";
        } else if (service && words[1] == "1" && (words[2] == "kill" || words[2] == "restart")) {
            text += "restart\n";
        } else if (words[0] == "sync" && words.size() == 2) {
            text += "sync\n";
        } else if (words[0] == "clock") {
            bool const back = words[1].starts_with('-');
            text += fmt::format("clock {} {}s\n", back ? "back" : "forward", words[1].substr(back ? 1 : 0));
        } else if (service || words[0] == "disk" || words[0] == "half-open" || words[0] == "sync") {
            text += "# only in the simulation: " + step.line() + "\n";
        } else {
            text += step.line() + "\n";
        }
    }
    return text;
}

}  // namespace possync::sim
