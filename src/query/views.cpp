#include "query/views.hpp"

namespace possync::query {

std::vector<ViewInfo const*> const& all_views() {
#define POSSYNC_VIEW_INFO(Row) &view_info<Row>(),
    static std::vector<ViewInfo const*> const views{POSSYNC_FOR_EACH_VIEW(POSSYNC_VIEW_INFO)};
#undef POSSYNC_VIEW_INFO
    return views;
}

ViewInfo const* find_view(std::string_view name) {
    if (name == "closes") name = "position_closes";
    if (name == "events") name = "position_events";
    if (name == "runs") name = "sync_runs";
    if (name == "history") name = "position_history";
    if (name == "differences") name = "certification_differences";
    if (name == "cash") name = "cash_transactions";
    if (name == "successions") name = "instrument_successions";
    for (ViewInfo const* view : all_views()) {
        if (view->name == name) return view;
    }
    return nullptr;
}

}  // namespace possync::query
