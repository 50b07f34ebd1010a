// A program that embeds possync: one sync, then the service, until five changes were committed.
#include <atomic>
#include <chrono>
#include <iostream>
#include <thread>

#include <possync/position_sync_service.hpp>

int main(int, char** words) {
    auto service = possync::PositionSyncService::open(words[1]);
    if (!service) return std::cerr << service.error() << "\n", 2;
    for (auto const& result : (*service)->sync_positions()) {
        if (!result.success) return std::cout << result.account << ": " << result.error << "\n", 1;
        std::cout << result.account << ": synced, " << *result.book_positions << " positions\n";
    }
    std::atomic<int> changes = 0;
    (*service)->on_change([&](possync::PositionChange const& change) {
        std::cout << change.kind << " " << change.con_id << ": " << change.quantity_before << " -> " << change.quantity_after << std::endl;
        ++changes;
    });
    (*service)->start();
    for (int i = 0; i < 200 && changes < 5; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
    auto const now = (*service)->sync_positions();
    (*service)->stop();
    std::cout << (*service)->stats().total_syncs << " syncs, " << (*service)->stats().failed_syncs << " failed\n";
    return changes >= 5 && !now.empty() && now[0].success ? 0 : 1;
}
