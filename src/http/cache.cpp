#include "http/cache.hpp"

namespace possync::http {

Answer const* Cache::find(std::string_view target, std::uint64_t state) {
    auto const found = by_target_.find(target);
    if (found == by_target_.end() || found->second->state != state) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->answer;
}

void Cache::put(std::string const& target, std::uint64_t state, Answer answer) {
    if (auto const found = by_target_.find(target); found != by_target_.end()) drop(found->second);
    Entry entry{target, state, std::move(answer)};
    std::size_t const size = bytes_of(entry);
    if (size > bytes_max_ / 4) return;  // one answer does not push out all others
    while (!entries_.empty() && (entries_.size() >= entries_max_ || bytes_ + size > bytes_max_))
        drop(std::prev(entries_.end()));
    entries_.push_front(std::move(entry));
    by_target_.emplace(entries_.front().target, entries_.begin());
    bytes_ += size;
}

void Cache::drop(std::list<Entry>::iterator entry) {
    bytes_ -= bytes_of(*entry);
    by_target_.erase(entry->target);
    entries_.erase(entry);
}

}  // namespace possync::http
