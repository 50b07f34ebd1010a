// Rendered answers by what was asked, each good for one committed state. Bounded by number and bytes; the longest unused goes
// first. Used on the io thread only.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "http/answers.hpp"

namespace possync::http {

class Cache {
public:
    explicit Cache(std::size_t entries_max = 1024, std::size_t bytes_max = 64 << 20)
        : entries_max_(entries_max), bytes_max_(bytes_max) {}

    /// The answer for this target if it was rendered from this state.
    [[nodiscard]] Answer const* find(std::string_view target, std::uint64_t state);
    void put(std::string const& target, std::uint64_t state, Answer answer);
    [[nodiscard]] std::size_t size() const { return entries_.size(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
    struct Entry {
        std::string target;
        std::uint64_t state = 0;
        Answer answer;
    };
    void drop(std::list<Entry>::iterator entry);
    static std::size_t bytes_of(Entry const& entry) { return entry.target.size() + entry.answer.body->size() + 200; }

    std::size_t entries_max_;
    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::list<Entry> entries_;  ///< newest use first
    std::unordered_map<std::string_view, std::list<Entry>::iterator> by_target_;
};

}  // namespace possync::http
