#include "http/workers.hpp"

namespace possync::http {

bool needs_new_reader(base::Error const& error) {
    return error.code == base::ErrorCode::io || error.code == base::ErrorCode::unavailable ||
           error.code == base::ErrorCode::timeout || error.code == base::ErrorCode::internal;
}

Workers::Workers(ReaderFactory open_reader, std::size_t threads, std::size_t queue_limit)
    : open_reader_(std::move(open_reader)), queue_limit_(queue_limit) {
    for (std::size_t i = 0; i < threads; ++i)
        threads_.emplace_back([this] { work(); });
}

Workers::~Workers() { stop(); }

bool Workers::post(Job job) {
    {
        std::lock_guard const lock(mutex_);
        if (ending_ || jobs_.size() >= queue_limit_) return false;
        jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
    return true;
}

std::size_t Workers::waiting() const {
    std::lock_guard const lock(mutex_);
    return jobs_.size();
}

void Workers::stop() {
    {
        std::lock_guard const lock(mutex_);
        ending_ = true;
        jobs_.clear();
    }
    wake_.notify_all();
    for (auto& thread : threads_) {
        if (thread.joinable()) thread.join();
    }
}

void Workers::work() {
    std::unique_ptr<query::Reader> reader;
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
        if (ending_) return;
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        lock.unlock();
        ReaderResult given = nullptr;
        if (!reader) {
            auto opened = open_reader_();
            if (opened) {
                reader = std::move(*opened);
            } else {
                given = std::unexpected(opened.error());
            }
        }
        if (given) given = reader.get();
        if (!job(given)) reader.reset();
        job = nullptr;
        lock.lock();
    }
}

}  // namespace possync::http
