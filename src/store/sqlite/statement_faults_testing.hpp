// Statements of SQLite that fail, in this process, on connections opened while this lives: the n-th one, or all that say
// something. What is told is what SQLite tells when a statement is interrupted. Statements that move through no rows (BEGIN, most
// PRAGMAs) have no place to be interrupted at and succeed all the same; ROLLBACK is let be, because no disk and no lock makes it
// fail. Counts are of all threads; one such object at a time, which outlives the connections.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>

#include "base/check.hpp"

namespace possync::store::sqlite {

class StatementFaults {
public:
    StatementFaults() {
        CHECK(current.exchange(this) == nullptr);
        sqlite3_auto_extension(reinterpret_cast<void (*)()>(&watch));
    }
    ~StatementFaults() {
        sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&watch));
        current = nullptr;
    }
    StatementFaults(StatementFaults const&) = delete;
    StatementFaults& operator=(StatementFaults const&) = delete;

    /// Counts anew; the n-th statement from here on fails, 0: none.
    void fail_at(int n) { set(n, {}); }
    /// Every statement that holds this text fails, until told otherwise.
    void fail_like(std::string text) { set(0, std::move(text)); }
    [[nodiscard]] int seen() const {
        std::lock_guard const lock(mutex_);
        return seen_;
    }

private:
    void set(int n, std::string text) {
        std::lock_guard const lock(mutex_);
        seen_ = 0;
        chosen_ = n;
        text_ = std::move(text);
    }
    [[nodiscard]] bool strikes(std::string_view sql) {
        std::lock_guard const lock(mutex_);
        return ++seen_ == chosen_ || (!text_.empty() && sql.find(text_) != std::string_view::npos);
    }
    static int watch(sqlite3* connection, char**, void const*) {
        return sqlite3_trace_v2(
            connection, SQLITE_TRACE_STMT,
            [](unsigned, void*, void* statement, void* text) {
                std::string_view const sql = static_cast<char const*>(text);
                auto* const faults = current.load();
                if (faults == nullptr || sql.starts_with("--") || sql == "ROLLBACK") return 0;  // "--": of a trigger
                if (faults->strikes(sql)) sqlite3_interrupt(sqlite3_db_handle(static_cast<sqlite3_stmt*>(statement)));
                return 0;
            },
            nullptr);
    }

    static inline std::atomic<StatementFaults*> current = nullptr;
    mutable std::mutex mutex_;
    int seen_ = 0;
    int chosen_ = 0;
    std::string text_;
};

}  // namespace possync::store::sqlite
